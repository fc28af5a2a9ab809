/** A stored episode as the state probe asks about it: replayed, with what its run pays and the critic of its run. */

import type { Critic } from '../learn/algorithms/types.ts';
import { rewards } from '../learn/rewards/index.ts';
import { createStack, type RewardStack, ruleOf, type StackEntry } from '../learn/rewards/stack.ts';
import type { TaskModel } from '../sim/env.ts';
import type { EpisodeRow, RunRow } from '../store/types.ts';
import type { ProbeStep } from './api/probe.ts';
import { openCheckpoint } from './checkpoint.ts';
import { messageOf } from './errors.ts';
import type { Experiment } from './experiment.ts';
import type { Lab } from './lab.ts';
import { algorithmNamed, rewardNamed } from './registry.ts';
import { replay, taskModelOf } from './replay.ts';

export interface ProbeAt {
  readonly episodeId: number;
  readonly frame: number;
}

/** A stored episode, replayed, and what its run paid. */
export interface Scene {
  readonly row: EpisodeRow;
  readonly run: RunRow;
  readonly model: TaskModel;
  /** [T + 1, stateDim] */
  readonly states: Float64Array;
  /** [T, actionDim] */
  readonly actions: Float64Array;
  readonly entries: readonly StackEntry[];
  readonly gamma: number;
  /** The terms are those that the run was paid by, not merely those of the task. */
  readonly isOwn: boolean;
  readonly stackWords: string;
  /** Recorded weights of each term, where there are some. [T] */
  readonly weights: ReadonlyMap<string, ArrayLike<number>>;
  readonly critic: { readonly critic: Critic; readonly words: string } | { readonly missing: string };
  /** By number of worlds. */
  readonly stacks: Map<number, RewardStack>;
}

/** The episode of a run, with its reward stack made again. */
export function openScene(lab: Lab, id: number): Scene {
  const { store } = lab;
  const row = store.episodes.get(id);
  const run = store.runs.get(row.runId);
  const model = taskModelOf(run);
  const columns = store.episodes.columns(id);
  const { states } = replay(model, row, columns);
  const weights = new Map<string, ArrayLike<number>>();
  for (const [name, { data }] of columns) {
    const term = /^reward\/(.+)\/weight$/.exec(name)?.[1];
    if (term !== undefined) weights.set(term, data);
  }
  return {
    row,
    run,
    model,
    states,
    actions: Float64Array.from(columns.get('action')!.data),
    weights,
    ...entriesOf(lab, run, model),
    critic: criticOf(lab, run, model),
    stacks: new Map(),
  };
}

/** The lines that a run is paid by, with their models; where it has none, the task's own terms. */
function entriesOf(
  lab: Lab,
  run: RunRow,
  model: TaskModel,
): Pick<Scene, 'entries' | 'gamma' | 'isOwn' | 'stackWords'> {
  const config = run.config as unknown as Partial<Experiment> & { readonly evaluatedRun?: number };
  const lines = (run.kind === 'train' || run.kind === 'evaluate') && config.reward;
  const own = (): Pick<Scene, 'entries' | 'gamma' | 'isOwn' | 'stackWords'> => {
    const models = lab.modelsBehind(run);
    const entries = (lines || []).map((line, index): StackEntry => {
      const method = rewardNamed(line.reward);
      if (method === undefined) throw new RangeError(`reward "${line.reward}" is not in this version`);
      const gamma = typeof line.gamma === 'number' ? { gamma: line.gamma } : {};
      const rule = ruleOf(line);
      if (method.kind === 'native')
        return { kind: 'native', reward: method, weight: line.weight, ...gamma, ...rule };
      const fitted = models.get(index);
      if (fitted === undefined) throw new RangeError(`line ${index + 1} (${line.reward}) has no model`);
      return {
        kind: 'learned',
        method: line.reward,
        model: method.load(lab.store.models.bytes(fitted.id)),
        use: line.use,
        weight: line.weight,
        ...gamma,
        ...rule,
      };
    });
    const gamma = (config.algorithmSettings as { readonly gamma?: number } | undefined)?.gamma ?? 1;
    createStack(entries, { model, gamma, count: 1 });
    return { entries, gamma, isOwn: true, stackWords: `The reward stack of run ${run.id} (${run.name})` };
  };
  let why = `Run ${run.id} is a ${run.kind} run, which is paid nothing`;
  if (lines) {
    try {
      return own();
    } catch (error) {
      why = `The reward stack of run ${run.id} cannot be made again (${messageOf(error)})`;
    }
  }
  const natives = [rewards.sparse, rewards.dense].filter(({ termKind }) =>
    model.rewardTerms.some(({ kind }) => kind === termKind),
  );
  return {
    entries: natives.map((reward) => ({ kind: 'native', reward, weight: 1 })),
    gamma: 1,
    isOwn: false,
    stackWords: `${why}: shown are the task's own terms with the task's weights, without a total`,
  };
}

function criticOf(lab: Lab, run: RunRow, model: TaskModel): Scene['critic'] {
  const config = run.config as unknown as Partial<Experiment> & { readonly evaluatedRun?: number };
  const owner = config.evaluatedRun ?? run.id;
  const algorithm = config.algorithm === undefined ? undefined : algorithmNamed(config.algorithm);
  if (algorithm?.loadCritic === undefined)
    return { missing: `${algorithm?.title ?? `A ${run.kind} run`} has no critic of states` };
  try {
    const latest = lab.store.checkpoints.latest(owner);
    if (latest === undefined) return { missing: `Run ${owner} has no checkpoint` };
    const { learner } = openCheckpoint(latest.bytes);
    const critic = algorithm.loadCritic(learner, config.algorithmSettings ?? {});
    if (critic === undefined) return { missing: 'Its critic remembers what came before' };
    if (critic.observationDim !== model.observationSpace.dim)
      return { missing: `Its critic reads ${critic.observationDim} numbers` };
    return { critic, words: `run ${owner} at ${latest.step} steps` };
  } catch (error) {
    return { missing: messageOf(error) };
  }
}

/** By number of worlds, made once. */
export function stackOf(scene: Scene, count: number): RewardStack {
  let stack = scene.stacks.get(count);
  if (!stack) {
    const { entries, model, gamma, row } = scene;
    stack = createStack(entries, { model, gamma, count, step: row.trainedSteps });
    scene.stacks.set(count, stack);
  }
  return stack;
}

/** As recorded for this frame; else what the run would have it be. */
export function weightOf(scene: Scene, frame: number, stack: RewardStack, column: number): number {
  const id = stack.terms[column]?.id;
  if (id === undefined) return 0;
  const recorded = scene.weights.get(id);
  return recorded?.[Math.min(frame, scene.row.length - 1)] ?? stack.weights[column]!;
}

/** Terms of the task that a line only weighs: position in the task's list and column in the stack. */
export function plainTerms(scene: Scene): Map<string, { term: number; column: number }> {
  const stack = stackOf(scene, 1);
  const found = new Map<string, { term: number; column: number }>();
  scene.model.rewardTerms.forEach(({ id }, term) => {
    const column = stack.terms.findIndex((one) => one.id === `task/${id}`);
    if (column >= 0 && stack.terms[column]!.isPlain) found.set(`task/${id}`, { term, column });
  });
  return found;
}

/** Why there is no total; null where there is one. */
export function totalProblem(scene: Scene): string | null {
  if (!scene.isOwn) return scene.stackWords;
  return deviating(scene).size > 0 ? runningDeviation : null;
}

export const runningDeviation =
  'This line divides by a running deviation of the training, which is not kept with an episode: the raw value stands alone';

/** Terms whose weighted value hangs on what the whole run had seen. */
export function deviating({ entries, model, stacks }: Scene): ReadonlySet<string> {
  const terms = [...stacks.values()][0]?.terms ?? [];
  const found = new Set<string>();
  for (const entry of entries) {
    if (entry.normalise !== true) continue;
    if (entry.kind === 'learned') found.add(`${entry.use}/${entry.method}`);
    else
      for (const { id, kind } of model.rewardTerms)
        if (kind === entry.reward.termKind) found.add(`task/${id}`);
  }
  return new Set(terms.flatMap(({ id }) => (found.has(id) ? [id] : [])));
}

/** What the world does in the step that is paid. [actionDim] */
export function actionOf({ model, actions, row }: Scene, frame: number, mode: ProbeStep): Float64Array {
  const { dim } = model.actionSpace;
  if (mode === 'recorded' && frame < row.length) return actions.slice(frame * dim, (frame + 1) * dim);
  return new Float64Array(dim);
}

/** What the terms are paid for, in words. */
export function stepWords({ model, row, actions }: Scene, frame: number, mode: ProbeStep): string {
  if (mode === 'still') return 'Terms of a world that stands still: from this state to itself';
  const zero = model.actionSpace.type === 'discrete' ? 'option 0' : 'the zero action';
  if (mode === 'zero') return `Terms of one control step from this state with ${zero}`;
  if (frame >= row.length)
    return `Terms of one control step from this state with ${zero}: the last frame has no recorded action`;
  const { dim } = model.actionSpace;
  const action = [...actions.subarray(frame * dim, (frame + 1) * dim)]
    .map((part) => Number(part.toFixed(3)))
    .join(', ');
  return `Terms of one control step from this state with the recorded action of frame ${frame} (${action})`;
}
