/**
 * Opens the device that computes. The order of `auto`: tfjs-node-gpu with a real GPU, WebGPU with a real GPU, WASM,
 * plain CPU. The order follows the hardware, not the size of the network: for the small networks of this lab WASM can
 * be the faster one even beside a GPU; `--device wasm` says so.
 *
 * TensorFlow.js has one current backend a thread: the device opened last is the one that computes there.
 *
 * With the kernel's threads (kernel/threads.ts, kernel/worker.ts) the only file under learn/ that touches Node, and it does so
 * through dynamic imports inside the attempts.
 */

import type * as TensorFlow from '@tensorflow/tfjs';
import type { Device, DeviceChoice, DeviceName } from './device.ts';

type Tf = typeof TensorFlow;

/** An attempt may load a driver or compile WebAssembly; more than this and the device counts as hanging. */
const attemptMs = 15_000;

const attempts: Readonly<Record<DeviceName, (explicit: boolean) => Promise<{ tf: Tf; reason: string }>>> = {
  'tfjs-node-gpu': openNodeGpu,
  webgpu: openWebGpu,
  wasm: openWasm,
  cpu: openCpu,
};

/** In the order of `auto`. */
export const deviceNames = Object.keys(attempts) as readonly DeviceName[];

/**
 * @throws Error naming the device and the reason when an explicitly chosen device is not available. `auto` never throws
 * as long as TensorFlow.js itself loads.
 */
export async function openDevice(choice: Exclude<DeviceChoice, 'kernel'>): Promise<Device> {
  if (choice !== 'auto') {
    const attempt = attempts[choice];
    if (!attempt) throw new Error(`Device ${choice}: unknown; wanted auto, ${deviceNames.join(', ')}`);
    try {
      const { tf, reason } = await bounded(attempt(true));
      return { name: choice, reason, passedOver: [], tf };
    } catch (error) {
      throw new Error(`Device ${choice} is not available: ${messageOf(error)}`, { cause: error });
    }
  }
  const passedOver: { name: DeviceName; reason: string }[] = [];
  for (const name of deviceNames) {
    try {
      const { tf, reason } = await bounded(attempts[name](false));
      return { name, reason, passedOver, tf };
    } catch (error) {
      passedOver.push({ name, reason: messageOf(error) });
    }
  }
  throw new Error(
    `No device is available: ${passedOver.map(({ name, reason }) => `${name}: ${reason}`).join('; ')}`,
  );
}

/** Whether it looks as if a device of `auto` were a GPU, found out without loading anything. */
export async function gpuInSight(): Promise<boolean> {
  try {
    await assertGpuFile();
    return true;
  } catch {
    return false;
  }
}

async function openNodeGpu(): Promise<{ tf: Tf; reason: string }> {
  const { createRequire } = await import('node:module');
  const require = createRequire(import.meta.url);
  try {
    require.resolve('@tensorflow/tfjs-node-gpu');
  } catch {
    throw new Error('the optional package @tensorflow/tfjs-node-gpu is not installed');
  }
  // Node 23 removed util.isNullOrUndefined, which tfjs-node 4.22 still calls on every tensor.
  const util = (await import('node:util')).default as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  const tf = require('@tensorflow/tfjs-node-gpu') as Tf;
  quiet(tf);
  await select(tf, 'tensorflow');
  // The GPU package runs on the processor without a word where it finds no CUDA device.
  if ((tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice !== true) {
    throw new Error('@tensorflow/tfjs-node-gpu loads, but TensorFlow sees no GPU');
  }
  await checkArithmetic(tf);
  return { tf, reason: 'TensorFlow.js on a CUDA GPU.' };
}

/** What we read of WebGPU's adapter; npm `webgpu` and browsers agree on it. */
interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
}
interface Gpu {
  requestAdapter(options: { powerPreference: string }): Promise<Adapter | null>;
}

const softwareAdapter = /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render|\bwarp\b|\bcpu\b/i;

async function openWebGpu(explicit: boolean): Promise<{ tf: Tf; reason: string }> {
  if (!explicit) await assertGpuFile();
  const gpu = await provideGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('WebGPU finds no graphics adapter');
  const { vendor, architecture, device, description } = adapter.info ?? {};
  const title = [description, vendor, architecture, device].filter(Boolean).join(' ') || 'unnamed adapter';
  const isSoftware =
    adapter.isFallbackAdapter === true ||
    adapter.info?.isFallbackAdapter === true ||
    softwareAdapter.test(title);
  if (isSoftware && !explicit) throw new Error(`the only WebGPU adapter is software (${title})`);
  const tf = await loadTf();
  // Registers its backend only if navigator.gpu exists when it loads, hence after provideGpu.
  await import('@tensorflow/tfjs-backend-webgpu');
  await select(tf, 'webgpu');
  await checkArithmetic(tf);
  return {
    tf,
    reason: `TensorFlow.js in WebGPU on ${isSoftware ? 'the software adapter' : 'the GPU'} ${title}.`,
  };
}

/** On Linux a GPU shows as a device file; without one Dawn would load only to print a warning about Vulkan. */
async function assertGpuFile(): Promise<void> {
  if (typeof process === 'undefined' || process.platform !== 'linux') return;
  const { existsSync, readdirSync } = await import('node:fs');
  if (existsSync('/dev/nvidia0') || existsSync('/dev/dxg')) return;
  if (existsSync('/dev/dri') && readdirSync('/dev/dri').some((file) => file.startsWith('renderD'))) return;
  throw new Error('no GPU on this machine (no /dev/nvidia0, /dev/dri/renderD* or /dev/dxg)');
}

/** The browser's navigator.gpu, or Dawn's put in its place where Node has none. */
async function provideGpu(): Promise<Gpu> {
  const host = globalThis as { navigator?: { gpu?: Gpu } };
  if (host.navigator?.gpu) return host.navigator.gpu;
  const { create, globals } = (await import('webgpu')) as unknown as {
    create(options: string[]): Gpu;
    globals: Record<string, unknown>;
  };
  Object.assign(globalThis, globals);
  const gpu = create([]);
  if (host.navigator) Object.defineProperty(host.navigator, 'gpu', { value: gpu, configurable: true });
  else Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  return gpu;
}

async function openWasm(): Promise<{ tf: Tf; reason: string }> {
  const tf = await loadTf();
  const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;
  if (isNode) {
    const { createRequire } = await import('node:module');
    const { dirname, sep } = await import('node:path');
    setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep);
  }
  try {
    setThreadsCount(1);
  } catch {
    // Refused once the backend runs; it already has one thread then.
  }
  // Emscripten adds handlers that rethrow what the lab's own handlers are there to report.
  const before = isNode
    ? crashEvents.map((event) => new Set(process.listeners(event as 'uncaughtException')))
    : [];
  await select(tf, 'wasm');
  for (const [i, known] of before.entries()) {
    const event = crashEvents[i] as 'uncaughtException';
    for (const listener of process.listeners(event)) {
      if (!known.has(listener)) process.removeListener(event, listener);
    }
  }
  await checkArithmetic(tf);
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return { tf, reason: `TensorFlow.js in WebAssembly ${simd ? 'with' : 'without'} SIMD, one thread.` };
}

const crashEvents = ['uncaughtException', 'unhandledRejection'] as const;

async function openCpu(): Promise<{ tf: Tf; reason: string }> {
  const tf = await loadTf();
  await select(tf, 'cpu');
  await checkArithmetic(tf);
  return { tf, reason: 'TensorFlow.js in plain JavaScript, slow but everywhere.' };
}

async function loadTf(): Promise<Tf> {
  const tf = await import('@tensorflow/tfjs');
  quiet(tf);
  return tf;
}

/** Production mode silences the greeting and the advice that TensorFlow.js prints on first use. */
function quiet(tf: Tf): void {
  tf.env().set('PROD', true);
}

/** `setBackend` may fail softly or fall back to another backend; both count as failure here. */
async function select(tf: Tf, backend: string): Promise<void> {
  if (!tf.engine().registryFactory[backend]) throw new Error(`TensorFlow.js has no backend ${backend} here`);
  const done = await tf.setBackend(backend);
  await tf.ready();
  if (!done) throw new Error(`the backend ${backend} does not initialise`);
  if (tf.getBackend() !== backend) {
    throw new Error(`TensorFlow.js fell back to ${tf.getBackend()}, wanted ${backend}`);
  }
}

/** [1 2; 3 4] times itself: a driver that initialises but computes nonsense is passed over. */
async function checkArithmetic(tf: Tf): Promise<void> {
  const product = tf.tidy(() => {
    const matrix = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    return tf.matMul(matrix, matrix);
  });
  const found = Array.from(await product.data());
  product.dispose();
  if (found.join() !== '7,10,15,22') {
    throw new Error(`a matrix product gave ${found.join(' ')}, wanted 7 10 15 22`);
  }
}

async function bounded<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${attemptMs / 1000} s`)), attemptMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error);
}
