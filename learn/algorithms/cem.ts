/**
 * Planning by the cross-entropy method: Rubinstein 1999, "The cross-entropy method for combinatorial and continuous
 * optimization", used at every step for model-predictive control as in Chua et al. 2018 (PETS, arXiv:1805.12114) with the
 * kept best and correlated noise of Pinneri et al. 2020 (iCEM, arXiv:2008.06389). The model is the simulator itself: its
 * states are restored exactly. Read from top to bottom: settings, the learner (which only plays), one plan, the policy.
 * How it differs from the papers and what each metric means: docs/algorithms/cem.md.
 */

import { mixSeed } from '../../sim/engine/random.ts';
import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float64Of } from '../parts/checkpoint.ts';
import { common } from '../parts/fields.ts';
import { checkEnvironment, forWorlds, resumed } from '../parts/learner.ts';
import { Random } from '../parts/random.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, Simulator, VectorEnv } from './types.ts';

export const fields = {
  steps: {
    ...common.steps,
    default: 4_000,
    help: 'Environment steps to play, all worlds together; what is simulated for planning does not count.',
  },
  worlds: { ...common.worlds, default: 4, help: 'Worlds played side by side.' },
  stepsPerWorld: {
    ...common.stepsPerWorld,
    default: 20,
    help: 'Steps of each world in an iteration. Nothing is learned between them.',
  },
  gamma: {
    ...common.gamma,
    default: 0.99,
    max: 1,
    help: 'Discount of a reward one step later, inside the plan.',
  },
  reward: {
    type: 'choice',
    default: 'dense',
    options: ['dense', 'sparse'],
    help: 'The native reward that the saved policy plans for; in training it plans for the reward stack.',
  },
  planSteps: {
    type: 'integer',
    default: 15,
    min: 1,
    max: 1000,
    unit: 'steps',
    help: 'How far a plan looks ahead.',
  },
  population: { type: 'integer', default: 64, min: 2, max: 10_000, help: 'Plans drawn in a round.' },
  elites: {
    type: 'integer',
    default: 8,
    min: 1,
    max: 10_000,
    help: 'Best plans of a round, which the next is drawn from.',
  },
  rounds: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 100,
    help: 'Rounds of drawing and choosing for one action.',
  },
  smoothing: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 0.99,
    help: 'Share of the old distribution that a round leaves.',
  },
  initialStd: {
    type: 'number',
    default: 0.6,
    min: 0.01,
    max: 10,
    help: 'Standard deviation of real actions in the first round, where actions reach from -1 to 1.',
  },
  noiseCorrelation: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 0.99,
    help: 'How much the noise of a step is that of the step before: plans that push on rather than tremble.',
  },
} as const satisfies Algorithm['fields'];

type CemSettings = Settings<typeof fields>;

const name = 'CEM';
const magic = 'RLABCEM\n';
const formatVersion = 1;
/** So that every round still searches: deviations never fall below this, and this share of options is drawn blindly. */
const lowestStd = 0.05;
const blindShare = 0.05;
/** What the policy needs of the settings. */
const planning = [
  'gamma',
  'reward',
  'planSteps',
  'population',
  'elites',
  'rounds',
  'smoothing',
  'initialStd',
  'noiseCorrelation',
] as const;
type PlanSettings = Pick<CemSettings, (typeof planning)[number]>;

export const cem: Algorithm = {
  id: 'cem',
  title: 'CEM planning',
  summary:
    'Tries plans in the simulator before every action and takes the best one’s first step; learns nothing.',
  source: 'Rubinstein 1999; Chua et al. 2018, arXiv:1805.12114',
  fields,
  check: (settings, model) => {
    together(settings, model);
  },
  workload: () => undefined,
  create: (settings, setup) => new Cem(checked(settings, setup), setup),
  resume: (bytes, settings, setup) => resumed(new Cem(checked(settings, setup), setup), bytes),
  loadPolicy: (bytes, model) => {
    const header = checkedHeader(name, readBlock(magic, bytes), formatVersion, integers);
    if (model === undefined) {
      throw new RangeError(`${name} checkpoint: its policy plans in the simulator, wanted the task with it`);
    }
    checkSame(name, header, { task: model.id });
    const settings = Object.fromEntries(planning.map((key) => [key, header[key]])) as unknown as PlanSettings;
    return new CemPolicy(model, settings, header['seed'] as number);
  },
};

const integers = ['steps', 'worlds', 'seed', 'observationDim', 'actionDim', 'planSteps'];

/** Fills in defaults. @throws RangeError naming settings that cannot work together, or with this task. */
function together(given: AnySettings, model?: TaskModel): CemSettings {
  const settings: CemSettings = Object.freeze({ ...defaultsOf(fields), ...given });
  const { elites, population, reward } = settings;
  if (elites > population) {
    throw new RangeError(`${name}: elites is ${elites}, wanted at most population = ${population}`);
  }
  if (model && !model.rewardTerms.some((term) => term.kind === reward)) {
    throw new RangeError(`${name}: reward is ${reward}, and task ${model.id} has no ${reward} terms`);
  }
  return settings;
}

function checked(given: AnySettings, setup: LearnerSetup): CemSettings {
  if (setup.model === undefined) {
    throw new RangeError(`${name}: plans in the task's simulator, and there is no task`);
  }
  const settings = forWorlds(name, together(given, setup.model), setup);
  return settings;
}

/** Plays with the planner; there is nothing to learn. */
class Cem implements Learner {
  readonly stepsPerIteration: number;
  readonly #settings: CemSettings;
  readonly #setup: LearnerSetup;
  readonly #model: TaskModel;
  readonly #memory: Memory;
  readonly #actions: Float64Array;
  readonly #clock: () => number;
  #planner: Planner | undefined;
  #seed: number;
  #steps = 0;

  constructor(settings: CemSettings, setup: LearnerSetup) {
    this.#settings = settings;
    this.#setup = setup;
    this.#model = setup.model!;
    this.#seed = setup.seed;
    this.#clock = setup.clock ?? (() => 0);
    this.stepsPerIteration = settings.stepsPerWorld * setup.count;
    this.#memory = new Memory(planSize(this.#model, settings));
    this.#memory.reserve(setup.count);
    this.#actions = new Float64Array(setup.count * setup.actionDim);
  }

  get steps(): number {
    return this.#steps;
  }

  async iterate(env: VectorEnv): Promise<Metrics> {
    const { count, actionDim } = this.#setup;
    checkEnvironment(name, env, this.#setup);
    const { simulator } = env;
    if (simulator === undefined) {
      throw new RangeError(`${name}: plans in the simulator, and this environment does not show its own`);
    }
    if (simulator.reward === undefined) {
      throw new RangeError(
        `${name}: plans with the reward of any transition, and a learned term of the reward stack remembers the episode`,
      );
    }
    this.#planner ??= new Planner(this.#model, this.#settings, this.#seed, simulator.reward);
    const begun = this.#clock();
    const { stateDim } = this.#model;
    const sums = { reward: 0, score: 0, gain: 0 };
    let waited = 0;
    for (let t = 0; t < this.#settings.stepsPerWorld; t++) {
      // 1. Plan.
      for (let n = 0; n < count; n++) {
        const plan = this.#planner.plan(simulator.states, n * stateDim, this.#memory, n);
        this.#actions.set(plan.action, n * actionDim);
        sums.score += plan.score;
        sums.gain += plan.gain;
      }
      // 2. Step.
      const asked = this.#clock();
      const pending = env.step(this.#actions);
      if (pending) await pending;
      waited += this.#clock() - asked;
      for (let n = 0; n < count; n++) {
        if (env.diverged[n]) continue;
        if (!Number.isFinite(env.rewards[n]!)) {
          throw new Error(
            `${name}: rollout/reward of world ${n} is ${env.rewards[n]}, wanted a finite number`,
          );
        }
        sums.reward += env.rewards[n]!;
      }
    }
    this.#steps += this.stepsPerIteration;
    return {
      'rollout/reward': sums.reward / this.stepsPerIteration,
      'plan/score': sums.score / this.stepsPerIteration,
      'plan/gain': sums.gain / this.stepsPerIteration,
      'time/act': this.#clock() - begun - waited,
      'time/learn': 0,
    };
  }

  policy(): Policy {
    return new CemPolicy(this.#model, this.#settings, this.#seed);
  }

  save(): Uint8Array {
    const { count, observationDim, actionDim } = this.#setup;
    return writeBlock(
      magic,
      {
        version: formatVersion,
        task: this.#model.id,
        observationDim,
        actionDim,
        worlds: count,
        seed: this.#seed,
        steps: this.#steps,
        ...Object.fromEntries(planning.map((key) => [key, this.#settings[key]])),
      },
      this.#memory.save(),
    );
  }

  /** @throws RangeError when the checkpoint belongs to another task, number of worlds, length of plans or version. */
  restore(bytes: Uint8Array): void {
    const { count, observationDim, actionDim } = this.#setup;
    const block = readBlock(magic, bytes);
    const header = checkedHeader(name, block, formatVersion, integers);
    const { planSteps } = this.#settings;
    checkSame(name, header, {
      task: this.#model.id,
      observationDim,
      actionDim,
      worlds: count,
      planSteps,
    });
    this.#memory.restore(
      float64Of(name, block, 'plans', count * planSize(this.#model, this.#settings)),
      float64Of(name, block, 'clocks', count),
    );
    this.#seed = header['seed'] as number;
    this.#steps = header['steps'] as number;
  }

  dispose(): void {}
}

// ---------------------------------------------------------------------------------------------------------------------
// One plan

/** Options of a discrete action, 0 for real ones. */
const optionsOf = ({ actionSpace }: TaskModel): number =>
  actionSpace.type === 'discrete' ? actionSpace.n : 0;

/** Numbers of a step's distribution: means of real actions, or the shares of the options. */
const widthOf = (model: TaskModel): number => optionsOf(model) || model.actionSpace.dim;

const planSize = (model: TaskModel, { planSteps }: Pick<PlanSettings, 'planSteps'>): number =>
  planSteps * widthOf(model);

/** What each world's last plan leaves to its next one. */
class Memory {
  readonly #size: number;
  /** [worlds, planSteps, width] */
  plans: Float64Array = new Float64Array(0);
  /** Step counters of the states that the plans were made in; NaN: there is none. [worlds] */
  clocks: Float64Array = new Float64Array(0);

  constructor(size: number) {
    this.#size = size;
  }

  reserve(worlds: number): void {
    const known = this.clocks.length;
    if (known >= worlds) return;
    const { plans, clocks } = this;
    this.plans = new Float64Array(worlds * this.#size);
    this.plans.set(plans);
    this.clocks = new Float64Array(worlds).fill(Number.NaN);
    this.clocks.set(clocks);
  }

  of(world: number): Float64Array {
    return this.plans.subarray(world * this.#size, (world + 1) * this.#size);
  }

  save(): Record<string, Float64Array> {
    return { plans: this.plans, clocks: this.clocks };
  }

  restore(plans: Float64Array, clocks: Float64Array): void {
    this.plans = plans;
    this.clocks = clocks;
  }
}

interface Plan {
  /** In [-1, 1] or options; overwritten by the next plan. [actionDim] */
  readonly action: Float64Array;
  /** Discounted reward of the best plan found, and how much better it is than the one that came in. */
  readonly score: number;
  readonly gain: number;
}

/**
 * The search, a pure function of (state, what the memory holds, seed): random draws come from the seed and the state's
 * step counter. With P = population and H = planSteps, a distribution over plans a_0 .. a_{H-1} is improved `rounds` times:
 *
 *   real actions   a_h = clip(mean_h + std_h e_h),   e_h = c e_{h-1} + sqrt(1 - c^2) xi_h,   xi ~ N(0, 1), c = noiseCorrelation
 *   options        a_h ~ shares_h
 *   score          sum over h of gamma^h r(s_h, a_h, s_{h+1}), nothing after the end of the episode
 *   update         mean, std, shares <- smoothing old + (1 - smoothing) those of the elites
 *
 * One of the P is the distribution's own middle, and from the second round on another is the best plan so far.
 * The next step of the same world starts from the middle, moved on by one step.
 */
class Planner {
  readonly #model: TaskModel;
  readonly #settings: PlanSettings;
  readonly #seed: number;
  readonly #reward: NonNullable<Simulator['reward']>;
  readonly #options: number;
  readonly #actionDim: number;
  /** The P plans [P, H, actionDim]; the best one [H, actionDim]. */
  readonly #plans: Float64Array;
  readonly #best: Float64Array;
  /** [H, actionDim] */
  readonly #std: Float64Array;
  /** [P, stateDim] before and after a step; [P, actionDim] in the task's units. */
  readonly #states: Float64Array;
  readonly #next: Float64Array;
  readonly #native: Float64Array;
  /** [P] each */
  readonly #isOver: Uint8Array;
  readonly #scores: Float64Array;
  readonly #order: Int32Array;
  readonly #action: Float64Array;

  constructor(
    model: TaskModel,
    settings: PlanSettings,
    seed: number,
    reward: NonNullable<Simulator['reward']>,
  ) {
    const { population, planSteps } = settings;
    this.#model = model;
    this.#settings = settings;
    this.#seed = seed;
    this.#reward = reward;
    this.#options = optionsOf(model);
    this.#actionDim = model.actionSpace.dim;
    this.#plans = new Float64Array(population * planSteps * this.#actionDim);
    this.#best = new Float64Array(planSteps * this.#actionDim);
    this.#std = new Float64Array(planSteps * this.#actionDim);
    this.#states = new Float64Array(population * model.stateDim);
    this.#next = new Float64Array(population * model.stateDim);
    this.#native = new Float64Array(population * this.#actionDim);
    this.#isOver = new Uint8Array(population);
    this.#scores = new Float64Array(population);
    this.#order = new Int32Array(population);
    this.#action = new Float64Array(this.#actionDim);
  }

  plan(states: Float64Array, offset: number, memory: Memory, world: number): Plan {
    const { rounds, population, initialStd } = this.#settings;
    const clock = states[offset]!;
    const random = new Random(mixSeed(this.#seed, clock));
    const middle = memory.of(world);
    this.#start(middle, memory.clocks[world] === clock - 1);
    this.#std.fill(initialStd);
    let score = Number.NEGATIVE_INFINITY;
    let first = 0;
    const size = this.#best.length;
    for (let round = 0; round < rounds; round++) {
      this.#draw(middle, random, round > 0);
      this.#simulate(states, offset);
      if (round === 0) first = this.#scores[0]!;
      // Best first; of equals the one drawn first. A plan that breaks the simulation has no score to speak of.
      for (let p = 0; p < population; p++) this.#order[p] = p;
      this.#order.sort((a, b) => this.#scores[b]! - this.#scores[a]! || a - b);
      const winner = this.#order[0]!;
      if (this.#scores[winner]! > score) {
        score = this.#scores[winner]!;
        this.#best.set(this.#plans.subarray(winner * size, (winner + 1) * size));
      }
      this.#improve(middle);
    }
    memory.clocks[world] = clock;
    this.#action.set(this.#best.subarray(0, this.#actionDim));
    const isJudged = Number.isFinite(score) && Number.isFinite(first);
    return { action: this.#action, score: isJudged ? score : 0, gain: isJudged ? score - first : 0 };
  }

  /** The middle that the search begins with: the last plan moved on by one step, or nothing in particular. */
  #start(middle: Float64Array, isNextStep: boolean): void {
    const width = this.#options || this.#actionDim;
    if (isNextStep) middle.copyWithin(0, width);
    else middle.fill(this.#options > 0 ? 1 / this.#options : 0);
  }

  #draw(middle: Float64Array, random: Random, hasBest: boolean): void {
    const { population, planSteps, noiseCorrelation } = this.#settings;
    const size = planSteps * this.#actionDim;
    const fresh = Math.sqrt(1 - noiseCorrelation ** 2);
    for (let p = 0; p < population; p++) {
      const at = p * size;
      if (p === 1 && hasBest) {
        this.#plans.set(this.#best, at);
        continue;
      }
      for (let i = 0; i < size; i++) {
        if (this.#options > 0) {
          this.#plans[at + i] = p === 0 ? this.#likeliest(middle, i) : this.#option(middle, i, random);
          continue;
        }
        if (p === 0) {
          this.#plans[at + i] = middle[i]!;
          continue;
        }
        // The plan's place holds the noise first: the next step reads it there.
        const before = i < this.#actionDim ? 0 : this.#plans[at + i - this.#actionDim]!;
        const share = i < this.#actionDim ? 1 : fresh;
        this.#plans[at + i] = noiseCorrelation * before + share * random.gaussian();
      }
      for (let i = 0; i < size && p > 0 && this.#options === 0; i++) {
        const action = middle[i]! + this.#std[i]! * this.#plans[at + i]!;
        this.#plans[at + i] = Math.max(-1, Math.min(1, action));
      }
    }
  }

  #likeliest(shares: Float64Array, step: number): number {
    const at = step * this.#options;
    let best = 0;
    for (let k = 1; k < this.#options; k++) if (shares[at + k]! > shares[at + best]!) best = k;
    return best;
  }

  #option(shares: Float64Array, step: number, random: Random): number {
    const at = step * this.#options;
    let k = 0;
    let left = random.uniform() - shares[at]!;
    for (; left >= 0 && k + 1 < this.#options; left -= shares[at + k]!) k++;
    return k;
  }

  /** Plays all plans from the state; their scores. */
  #simulate(from: Float64Array, offset: number): void {
    const { population, planSteps, gamma } = this.#settings;
    const { stateDim, actionSpace } = this.#model;
    const dim = this.#actionDim;
    const states = this.#states;
    const next = this.#next;
    const start = from.subarray(offset, offset + stateDim);
    for (let p = 0; p < population; p++) next.set(start, p * stateDim);
    this.#scores.fill(0);
    const isOver = this.#isOver;
    isOver.fill(0);
    let discount = 1;
    for (let h = 0; h < planSteps; h++) {
      states.set(next);
      for (let p = 0; p < population; p++) {
        const at = (p * planSteps + h) * dim;
        for (let k = 0; k < dim; k++)
          this.#native[p * dim + k] = toNative(actionSpace, k, this.#plans[at + k]!);
      }
      this.#model.advance(next, this.#native, 0, population);
      for (let p = 0; p < population; p++) {
        if (isOver[p]) continue;
        const row = p * stateDim;
        const reward = this.#reward(states, row, this.#native, p * dim, next, row);
        this.#scores[p]! += discount * reward;
        if (!isSound(reward, next, row, stateDim)) {
          this.#scores[p] = Number.NEGATIVE_INFINITY;
          isOver[p] = 1;
        } else if (this.#model.terminal(next, row)) isOver[p] = 1;
        // A sound row in its place: what is over is simulated along, but never looked at.
        if (isOver[p]) next.set(start, row);
      }
      discount *= gamma;
    }
  }

  #improve(middle: Float64Array): void {
    const { elites, planSteps, smoothing } = this.#settings;
    const size = planSteps * this.#actionDim;
    for (let i = 0; i < size; i++) {
      if (this.#options > 0) {
        const at = i * this.#options;
        for (let k = 0; k < this.#options; k++) {
          let count = 0;
          for (let e = 0; e < elites; e++) if (this.#plans[this.#order[e]! * size + i] === k) count++;
          const share = (1 - blindShare) * (count / elites) + blindShare / this.#options;
          middle[at + k] = smoothing * middle[at + k]! + (1 - smoothing) * share;
        }
        continue;
      }
      let mean = 0;
      for (let e = 0; e < elites; e++) mean += this.#plans[this.#order[e]! * size + i]! / elites;
      let variance = 0;
      for (let e = 0; e < elites; e++)
        variance += (this.#plans[this.#order[e]! * size + i]! - mean) ** 2 / elites;
      middle[i] = smoothing * middle[i]! + (1 - smoothing) * mean;
      const std = smoothing * this.#std[i]! + (1 - smoothing) * Math.sqrt(variance);
      this.#std[i] = Math.max(lowestStd, std);
    }
  }
}

/** The task's units from [-1, 1]; options pass through. */
function toNative(space: TaskModel['actionSpace'], component: number, action: number): number {
  if (space.type === 'discrete') return action;
  const [low, high] = [space.low[component]!, space.high[component]!];
  return low === -1 && high === 1 ? action : low + ((action + 1) / 2) * (high - low);
}

function isSound(reward: number, states: Float64Array, row: number, stateDim: number): boolean {
  // Zero times a number is zero unless that is not finite.
  let sum = 0 * reward;
  for (let i = row; i < row + stateDim; i++) sum += 0 * states[i]!;
  return sum === 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// The policy

/** Plans for the task's own reward of one kind. */
class CemPolicy implements Policy {
  readonly observationDim: number;
  readonly actionDim: number;
  readonly needsStates = true;
  readonly #planner: Planner;
  readonly #memory: Memory;
  readonly #stateDim: number;

  constructor(model: TaskModel, settings: PlanSettings, seed: number) {
    this.observationDim = model.observationSpace.dim;
    this.actionDim = model.actionSpace.dim;
    this.#stateDim = model.stateDim;
    this.#planner = new Planner(model, settings, seed, nativeReward(model, settings.reward));
    this.#memory = new Memory(planSize(model, settings));
  }

  begin(world: number): void {
    this.#memory.reserve(world + 1);
    this.#memory.clocks[world] = Number.NaN;
  }

  act(
    _observations: Float64Array,
    count: number,
    out: Float64Array,
    states?: Float64Array,
    active?: Uint8Array,
  ): void {
    if (states === undefined || states.length < count * this.#stateDim) {
      throw new RangeError(
        `${name} policy: found ${states?.length ?? 0} state numbers, wanted ${count} worlds x ${this.#stateDim}: it plans from them`,
      );
    }
    this.#memory.reserve(count);
    for (let n = 0; n < count; n++) {
      if (active?.[n] === 0) continue;
      out.set(this.#planner.plan(states, n * this.#stateDim, this.#memory, n).action, n * this.actionDim);
    }
  }
}

/** The task's weighted terms of one kind. */
function nativeReward(model: TaskModel, kind: string): NonNullable<Simulator['reward']> {
  const raw = new Float64Array(model.rewardTerms.length);
  return (state, stateOffset, action, actionOffset, next, nextOffset) => {
    model.reward(state, stateOffset, action, actionOffset, next, nextOffset, raw, 0);
    let sum = 0;
    for (const [k, term] of model.rewardTerms.entries()) if (term.kind === kind) sum += term.weight * raw[k]!;
    return sum;
  };
}
