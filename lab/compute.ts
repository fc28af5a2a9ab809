/**
 * Which compute a run works with. A new run gets the one asked for, or the faster one for its sizes, timed in the first
 * second; a resumed run gets the one it was begun with, so that its curve is the same to the bit.
 */

import type { Compute, ComputeName, Soon, Workload } from '../learn/tensor/compute.ts';
import type { Device, DeviceChoice } from '../learn/tensor/device.ts';
import { mostThreads } from '../learn/tensor/kernel/layout.ts';
import { openKernel } from '../learn/tensor/kernel/open.ts';
import { parameterCount } from '../learn/tensor/mlp.ts';
import { gpuInSight, openDevice } from '../learn/tensor/open.ts';
import { tfjsCompute } from '../learn/tensor/tfjs.ts';
import { messageOf } from './errors.ts';

/** How long one compute takes for a workload. */
export interface Figure {
  readonly name: ComputeName;
  /** All networks forward and backward over `updateRows`, one step of Adam. Median milliseconds. */
  readonly updateMs: number;
  /** All networks forward over `actRows`. Median microseconds. */
  readonly actUs: number;
}

export interface ComputeReport {
  readonly name: ComputeName;
  /** Plain sentences: what it is, why this one, with the figures. */
  readonly reason: string;
  readonly figures: readonly Figure[];
  /** What is not there, and why. */
  readonly passedOver: readonly { readonly name: ComputeName; readonly reason: string }[];
}

export type ChosenCompute = Compute & ComputeReport;

export interface ChooseOptions {
  readonly threads: number;
  /** How many of the threads may work right now; shared memory. */
  readonly budget?: Int32Array | undefined;
  /** Times TensorFlow.js too where it is not expected to win. */
  readonly measureAll?: boolean;
  /** Milliseconds. */
  readonly clock?: () => number;
  readonly openers?: Openers;
}

/** Where computes come from; tests bring their own. */
export interface Openers {
  kernel(threads: number, budget: Int32Array | undefined): Promise<Compute>;
  tfjs(choice: Exclude<DeviceChoice, 'kernel'>): Promise<Compute & Pick<Device, 'passedOver'>>;
  gpuInSight(): Promise<boolean>;
}

const openersHere: Openers = {
  kernel: (threads, budget) =>
    openKernel({ threads: Math.min(threads, mostThreads), ...(budget === undefined ? {} : { budget }) }),
  tfjs: async (choice) => {
    const device = await openDevice(choice);
    return { ...tfjsCompute(device), passedOver: device.passedOver };
  },
  gpuInSight,
};

/** What `doctor` and the window time: a small policy as the arm's tasks have it. */
export const referenceWorkload: Workload = {
  networks: [{ sizes: [32, 128, 128, 8], activation: 'tanh' }],
  updateRows: 256,
  actRows: 1,
};

/**
 * TensorFlow.js takes a second and 100 MB to load, and hands some sixty operations of an update to a GPU one by one: where the
 * kernel is done with an update in less than this, milliseconds, it is not loaded. Nor is it without a GPU: on the same
 * cores it is slower for every size (docs/compute.md).
 */
const worthLoadingMs = 2;
/** Another device must need less than this share of the kernel's time: timings scatter, and the seeds of one run should agree. */
const clearlyFaster = 0.8;
/** For each kind of call. */
const timing = { milliseconds: 120, repeats: 101, warmUp: 5, long: 300 };

/**
 * The one asked for; with `auto` the kernel, or TensorFlow.js' best device where that is clearly faster.
 * @throws Error naming an explicitly chosen device that is not there.
 */
export async function chooseCompute(
  choice: DeviceChoice,
  workload: Workload | undefined,
  {
    threads,
    budget,
    measureAll = false,
    clock = () => performance.now(),
    openers = openersHere,
  }: ChooseOptions,
): Promise<ChosenCompute> {
  const time = async (compute: Compute): Promise<Figure[]> =>
    workload === undefined || workload.networks.length === 0
      ? []
      : [await timeCompute(compute, workload, clock)];

  if (choice !== 'auto') {
    const compute = await openNamed(choice, threads, budget, openers);
    return chosen(compute, 'Chosen explicitly.', await time(compute));
  }

  // 1. the kernel, on the processor
  let kernel: Compute;
  try {
    kernel = await openers.kernel(threads, budget);
  } catch (error) {
    const other = await openers.tfjs('auto');
    const passedOver = [{ name: 'kernel', reason: messageOf(error) } as const, ...other.passedOver];
    return chosen(other, 'The kernel does not run here.', await time(other), passedOver);
  }
  const [own] = await time(kernel);
  if (own === undefined) return chosen(kernel, 'There are no networks to compute.', []);

  // 2. whether TensorFlow.js is worth a try
  const notTimed = (why: string, passedOver: ComputeReport['passedOver'] = []) =>
    chosen(kernel, `TensorFlow.js was not timed: ${why}.`, [own], passedOver);
  const sameCores = 'without a GPU it has the same cores and is slower (docs/compute.md)';
  if (!measureAll) {
    if (!(await openers.gpuInSight())) return notTimed(sameCores);
    if (own.updateMs < worthLoadingMs) return notTimed('to hand so small an update to a GPU takes it longer');
  }

  // 3. its best device
  let other: Awaited<ReturnType<Openers['tfjs']>>;
  try {
    other = await openers.tfjs('auto');
  } catch (error) {
    return chosen(kernel, `TensorFlow.js does not run here: ${messageOf(error)}.`, [own]);
  }
  if (!measureAll && (other.name === 'wasm' || other.name === 'cpu')) {
    other.dispose();
    return notTimed(sameCores, other.passedOver);
  }
  const [its] = await time(other);
  const faster = cost(its!) < clearlyFaster * cost(own);
  (faster ? kernel : other).dispose();
  return chosen(faster ? other : kernel, 'The faster one for these sizes.', [own, its!], other.passedOver);
}

/** A call that acts goes with every update in off-policy learning; on-policy algorithms are of that order. */
const cost = ({ updateMs, actUs }: Figure): number => updateMs + actUs / 1000;

async function openNamed(
  name: Exclude<DeviceChoice, 'auto'>,
  threads: number,
  budget: Int32Array | undefined,
  openers: Openers,
): Promise<Compute> {
  if (name !== 'kernel') return openers.tfjs(name);
  try {
    return await openers.kernel(threads, budget);
  } catch (error) {
    throw new Error(`Device kernel is not available: ${messageOf(error)}`, { cause: error });
  }
}

function chosen(
  compute: Compute,
  why: string,
  figures: readonly Figure[],
  passedOver: ComputeReport['passedOver'] = [],
): ChosenCompute {
  const times = figures.map(
    ({ name, updateMs, actUs }) => `${name} ${rounded(updateMs)} ms an update, ${rounded(actUs)} us to act`,
  );
  return {
    name: compute.name,
    reason: [compute.reason, why, ...(times.length === 0 ? [] : [`Timed: ${times.join('; ')}.`])].join(' '),
    figures,
    passedOver,
    networks: (options) => compute.networks(options),
    dispose: () => compute.dispose(),
  };
}

/** Two digits that count. */
const rounded = (value: number): string => String(Number(value.toPrecision(2)));

/** Medians over networks of a workload's sizes; what they compute does not matter, but it is finite and not zero. */
export async function timeCompute(
  compute: Compute,
  { networks, updateRows, actRows }: Workload,
  clock: () => number,
): Promise<Figure> {
  const wave = (_: number, i: number): number => 0.1 * Math.sin(i);
  const size = networks.reduce((sum, shape) => sum + parameterCount(shape), 0);
  const nets = compute.networks({
    networks: networks.map((shape) => ({ shape })),
    rows: Math.max(updateRows, actRows),
    parameters: new Float32Array(size).map(wave),
  });
  for (const array of [...nets.inputs, ...nets.outputGradients]) array.set(array.map(wave));
  const all = networks.map((_, n) => n);
  try {
    return {
      name: compute.name,
      updateMs: await medianMs(clock, async () => {
        await nets.forward(all, updateRows);
        await nets.backward(all, updateRows);
        await nets.step({ learningRate: 1e-4, maxGradNorm: 0.5 });
      }),
      actUs: 1000 * (await medianMs(clock, () => nets.forward(all, actRows))),
    };
  } finally {
    nets.dispose();
  }
}

async function medianMs(clock: () => number, call: () => Soon): Promise<number> {
  const some = async (most: number): Promise<number[]> => {
    const end = clock() + timing.milliseconds;
    const times: number[] = [];
    do {
      const begun = clock();
      const wait = call();
      if (wait) await wait;
      times.push(clock() - begun);
    } while (clock() < end && times.length < most);
    return times;
  };
  // The first calls compile and allocate; one that takes long does so for its arithmetic.
  const cold = await some(timing.warmUp);
  if (cold.at(-1)! > timing.long) return cold.at(-1)!;
  const times = (await some(timing.repeats)).sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

export interface ComputeWanted extends Omit<ChooseOptions, 'measureAll'> {
  readonly choice: DeviceChoice;
  /** The device that the run was begun with, where it was begun. */
  readonly stored?: string | null | undefined;
  /** None, or one of no networks: an algorithm or a reward without any. */
  readonly workload?: Workload | undefined;
  /** Plain words for the person whose run it is. */
  readonly onAlert?: (message: string) => void;
}

/**
 * What a run computes with: as `chooseCompute` says for a new one; a run that was begun goes on where it was, for the sake of
 * the bits, unless something else is asked for or that device is gone, which is said.
 * @throws Error naming an explicitly chosen device that is not there.
 */
export async function openComputeFor({
  choice,
  stored,
  workload,
  onAlert,
  ...options
}: ComputeWanted): Promise<ChosenCompute> {
  if (stored === undefined || stored === null || stored === choice)
    return chooseCompute(choice, workload, options);
  const other = 'from here on its curve is not to the bit what it would have been';
  if (choice !== 'auto') {
    const compute = await chooseCompute(choice, workload, options);
    onAlert?.(`The run began on ${stored} and goes on with ${compute.name} as asked; ${other}`);
    return compute;
  }
  const { threads, budget, openers = openersHere } = options;
  try {
    const compute = await openNamed(stored as ComputeName, threads, budget, openers);
    return chosen(compute, 'The run was begun with it.', []);
  } catch (error) {
    const compute = await chooseCompute('auto', workload, options);
    onAlert?.(
      `${messageOf(error)}; the run began on ${stored} and goes on with ${compute.name}, so ${other}`,
    );
    return compute;
  }
}
