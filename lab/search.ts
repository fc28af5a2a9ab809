/**
 * Hyper-parameter search by successive halving (Jamieson & Talwalkar 2016, arXiv:1502.07943): many configurations get few
 * steps, the best 1 / eta of them eta times as many, and so on.
 *
 *   rung k:  floor(trials / eta^k) trials, each trained to minSteps * eta^k steps
 *
 * A trial is a training run whose `steps` are those of the last rung, stopped at the end of each rung and resumed for the
 * next. So schedules that run over `steps` are alike for all trials of a rung and for the run that its winner stands for,
 * and nothing is trained twice.
 *
 * There is no state beside the trials: the definition is in each one's configuration, its scores are its metrics. Whoever
 * reads them knows where the search stands, also after kill -9.
 */

import { createRandom } from '../sim/engine/random.ts';
import type { RunRow, Store } from '../store/types.ts';
import type { Recipe } from './api.ts';
import { UsageError } from './errors.ts';
import { applySets, type Experiment, resolveExperiment } from './experiment.ts';
import { findGroup, groupsOf, nextGroupId, type SearchDefinition, trialOf } from './groups.ts';
import type { Lab, PlannedRun } from './lab.ts';
import { episodeSeed } from './seeds.ts';
import { drawSets, parseSpace } from './space.ts';
import { mean } from './statistics.ts';

/** Draws for one trial before the space counts as used up. */
const mostDraws = 100;

export interface PlannedRung {
  readonly trials: number;
  /** Environment steps at its end. */
  readonly until: number;
}

export interface TrialResult {
  readonly trial: number;
  /** What it changes in the recipe; nothing for trial 0, which is the recipe as it is. */
  readonly sets: readonly string[];
  readonly runs: readonly number[];
  /** The last rung it was scored on, from 0; null before the first. */
  readonly rung: number | null;
  /** Means over starts and training seeds at that rung. */
  readonly success: number | null;
  readonly return: number | null;
  readonly progress: number | null;
  readonly outcome: 'best' | 'dropped' | 'failed' | 'open';
  readonly error: string | null;
}

export interface SearchResult {
  readonly search: string;
  readonly status: 'done' | 'paused' | 'failed';
  readonly plan: readonly PlannedRung[];
  /** Best first. */
  readonly trials: readonly TrialResult[];
  readonly best: { readonly trial: number; readonly recipe: Recipe } | null;
  readonly protocol: string;
  readonly notes: readonly string[];
}

/** @throws UsageError when nothing can be halved. */
export function planOf({ trials, eta, minSteps, maxSteps }: SearchDefinition): PlannedRung[] {
  const plan: PlannedRung[] = [];
  for (let left = trials, until = minSteps; left >= 1; left = Math.floor(left / eta), until *= eta) {
    const last = maxSteps !== null && until >= maxSteps;
    plan.push({ trials: left, until: last ? maxSteps : until });
    if (last) break;
  }
  if (plan.length < 2) {
    throw new UsageError([
      `search: ${trials} trials with eta ${eta}, ${minSteps} steps${maxSteps === null ? '' : ` of at most ${maxSteps}`} are one rung; wanted at least eta trials and --max-steps above --min-steps`,
    ]);
  }
  return plan;
}

/** The search of this definition, begun now, or earlier and then gone on with. @throws UsageError on what cannot be drawn. */
export function beginSearch(lab: Lab, definition: SearchDefinition): { id: string; begun: boolean } {
  const before = groupsOf(lab.store).find(
    ({ runs }) => JSON.stringify(trialOf(runs[0]!)?.definition) === JSON.stringify(definition),
  );
  if (before !== undefined) return { id: before.id, begun: false };
  const group = { id: nextGroupId(lab.store, 's'), name: `search around ${definition.recipe.name}` };
  const planned = trialsOf(definition).flatMap(({ sets, experiment }, trial) =>
    definition.seeds.map(
      (seed): PlannedRun => ({ experiment, seed, marks: { group, search: { trial, sets, definition } } }),
    ),
  );
  lab.prepare(planned);
  return { id: group.id, begun: true };
}

/** Every configuration of a search: the recipe itself, then what is drawn. @throws UsageError */
export function trialsOf(definition: SearchDefinition): { sets: string[]; experiment: Experiment }[] {
  const { recipe, trials, seed, score } = definition;
  const plan = planOf(definition);
  const space = parseSpace(definition.space, recipe);
  const rewarding = space.find(({ name }) => !name.startsWith('algorithm.'));
  if (score === 'return' && rewarding !== undefined) {
    throw new UsageError([
      `search: ${rewarding.name} changes the reward, so returns are in different units; wanted --score success or progress`,
    ]);
  }
  const steps = plan.at(-1)!.until;
  // Training episodes of trials are looked at by nobody; a sparse baseline beside each would be trained in vain.
  const base = applySets(recipe, [
    `algorithm.steps=${steps}`,
    'experiment.record=none',
    'experiment.baseline=false',
  ]);
  const found = [{ sets: [] as string[], experiment: trialExperiment(base, 0, []) }];
  const known = new Set([
    JSON.stringify(found[0]!.experiment.algorithmSettings) + JSON.stringify(base.reward),
  ]);
  while (found.length < trials) {
    const trial = found.length;
    const random = createRandom(episodeSeed('configuration', seed, trial));
    let drawn: (typeof found)[number] | undefined;
    for (let draws = 0; draws < mostDraws && drawn === undefined; draws++) {
      const sets = drawSets(space, random);
      const next = applySets(base, sets);
      const experiment = possible(() => trialExperiment(next, trial, sets));
      if (experiment === undefined) continue;
      const key = JSON.stringify(experiment.algorithmSettings) + JSON.stringify(next.reward);
      if (known.has(key)) continue;
      known.add(key);
      drawn = { sets, experiment };
    }
    if (drawn === undefined) {
      throw new UsageError([
        `--space: ${mostDraws} draws for trial ${trial} found no further configuration that can run; wanted fewer --trials or a wider space`,
      ]);
    }
    found.push(drawn);
  }
  return found;
}

function trialExperiment(recipe: Recipe, trial: number, sets: readonly string[]): Experiment {
  const title = sets.length === 0 ? 'the recipe as it is' : sets.join(', ');
  return resolveExperiment({
    ...recipe,
    name: `${recipe.name}: trial ${trial}`.slice(-200),
    title: title.length <= 200 ? title : `${title.slice(0, 197)}...`,
  });
}

/** Undefined for settings that are each in range but cannot work together. */
function possible<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

interface Trial {
  readonly trial: number;
  readonly sets: readonly string[];
  readonly runs: readonly RunRow[];
}

interface Score {
  readonly success: number;
  readonly return: number;
  readonly progress: number;
}

interface Standing {
  readonly definition: SearchDefinition;
  readonly trials: readonly Trial[];
}

function standingOf(store: Store, id: string): Standing {
  const trials = new Map<number, { trial: number; sets: readonly string[]; runs: RunRow[] }>();
  const group = findGroup(store, id);
  for (const row of group.runs) {
    const mark = trialOf(row);
    if (mark === undefined) throw new UsageError([`${id} is a group of seeds, wanted a search (s1)`]);
    const entry = trials.get(mark.trial);
    if (entry === undefined) trials.set(mark.trial, { trial: mark.trial, sets: mark.sets, runs: [row] });
    else entry.runs.push(row);
  }
  return { definition: trialOf(group.runs[0]!)!.definition, trials: [...trials.values()] };
}

const scoreNames = ['search/rung', 'search/success', 'search/return', 'search/progress'];

/** How a run did at the end of a rung; undefined where it has not come there. */
function scoreAt(store: Store, runId: number, rung: number): Score | undefined {
  const { values } = store.metrics.series(runId, { names: scoreNames });
  const at = values.get('search/rung')!.indexOf(rung);
  if (at < 0) return undefined;
  const [success, total, progress] = scoreNames.slice(1).map((name) => values.get(name)![at]!);
  return { success: success!, return: total!, progress: progress! };
}

/** Mean over training seeds; undefined while one is missing. */
function trialScore(store: Store, { runs }: Trial, rung: number): Score | undefined {
  const scores = runs.map((run) => scoreAt(store, run.id, rung));
  if (!scores.every((score) => score !== undefined)) return undefined;
  const of = (name: keyof Score): number => mean(scores.map((score) => score[name]));
  return { success: of('success'), return: of('return'), progress: of('progress') };
}

/** Higher first; what is not a number last; success as such is coarse, so true progress decides between equals. */
function rank(a: Score, b: Score, by: SearchDefinition['score']): number {
  const order = (x: number, y: number): number => {
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return y - x;
  };
  return order(a[by], b[by]) || order(a.progress, b.progress);
}

export interface SearchWatch {
  /** A rung began: these runs are being trained. The search waits for what this returns. */
  readonly onRung?: (rung: number, runs: readonly number[], plan: readonly PlannedRung[]) => Promise<unknown>;
}

/**
 * Goes on with a search from wherever it stands, to its end or until somebody stops its runs.
 * @throws UsageError when there is no such search.
 */
export async function runSearch(lab: Lab, id: string, { onRung }: SearchWatch = {}): Promise<SearchResult> {
  const { definition, trials } = standingOf(lab.store, id);
  const plan = planOf(definition);
  const starts = Array.from({ length: definition.episodes }, (_, i) =>
    episodeSeed('search', definition.seed, i),
  );
  const notes: string[] = [];
  // A full disk is no fault of a trial: while nothing is decided, what failed earlier gets another try.
  const decided = trials.some((trial) => trialScore(lab.store, trial, plan.length - 1) !== undefined);
  const failedBefore = trials.flatMap(({ runs }) => runs.filter((run) => run.status === 'failed'));
  const again = new Set(decided ? [] : failedBefore.map((run) => run.id));
  let left = trials;
  for (const [index, { until }] of plan.entries()) {
    const going = left.flatMap(({ runs }) =>
      runs
        .map((run) => run.id)
        .filter((run) => {
          if (scoreAt(lab.store, run, index) !== undefined) return false;
          return lab.store.runs.get(run).status !== 'failed' || again.delete(run);
        }),
    );
    for (const run of going) lab.advance(run, { index, until, starts });
    if (going.length > 0) await onRung?.(index, going, plan);
    const ended = await Promise.all(going.map((run) => lab.finished(run)));
    if (ended.some(({ status }) => status === 'paused')) return resultOf(lab, id, 'paused', notes);
    const ranked = left
      .flatMap((trial) => {
        const score = trialScore(lab.store, trial, index);
        return score === undefined ? [] : [{ trial, score }];
      })
      .sort((a, b) => rank(a.score, b.score, definition.score) || a.trial.trial - b.trial.trial);
    if (ranked.length === 0)
      return resultOf(lab, id, 'failed', [...notes, `every trial of rung ${index} failed`]);
    const keep = plan[index + 1]?.trials ?? 1;
    const [last, next] = [ranked[keep - 1], ranked[keep]];
    if (last !== undefined && next !== undefined && rank(last.score, next.score, definition.score) === 0) {
      notes.push(
        `rung ${index}: trials ${last.trial.trial} and ${next.trial.trial} cannot be told apart; the first one went on`,
      );
    }
    left = ranked.slice(0, keep).map(({ trial }) => trial);
  }
  return resultOf(lab, id, 'done', notes);
}

function resultOf(
  lab: Lab,
  id: string,
  status: SearchResult['status'],
  notes: readonly string[],
): SearchResult {
  const { definition, trials } = standingOf(lab.store, id);
  const plan = planOf(definition);
  const scored = trials.map((trial) => {
    const rung = plan.findLastIndex((_, index) => trialScore(lab.store, trial, index) !== undefined);
    const score = rung < 0 ? undefined : trialScore(lab.store, trial, rung);
    return { trial, rung, score };
  });
  scored.sort(
    (a, b) =>
      b.rung - a.rung ||
      (a.score && b.score ? rank(a.score, b.score, definition.score) : 0) ||
      a.trial.trial - b.trial.trial,
  );
  const winner = status === 'done' ? scored[0]!.trial : undefined;
  const steps = plan.at(-1)!.until;
  return {
    search: id,
    status,
    plan,
    trials: scored.map(({ trial, rung, score }) => {
      const failed = trial.runs.find((run) => run.status === 'failed');
      const outcome =
        trial === winner
          ? 'best'
          : failed !== undefined
            ? 'failed'
            : status === 'paused'
              ? 'open'
              : 'dropped';
      return {
        trial: trial.trial,
        sets: trial.sets,
        runs: trial.runs.map((run) => run.id),
        rung: rung < 0 ? null : rung,
        success: score?.success ?? null,
        return: score?.return ?? null,
        progress: score?.progress ?? null,
        outcome,
        error: failed?.error ?? null,
      };
    }),
    best:
      winner === undefined
        ? null
        : {
            trial: winner.trial,
            recipe: {
              ...applySets(definition.recipe, [`algorithm.steps=${steps}`, ...winner.sets]),
              name: `${definition.recipe.name}-tuned`.slice(-200),
              summary:
                `Trial ${winner.trial} of ${definition.trials} of a search by successive halving to ${steps} steps over ${definition.space}; training seeds ${definition.seeds.join(', ')}. Report it on other seeds.`.slice(
                  0,
                  2000,
                ),
            },
          },
    protocol: `${definition.episodes} starts of the search's own (never those of reported evaluations), deterministic policy, training seeds ${definition.seeds.join(', ')}; ranked by ${definition.score}, then true progress; rungs: ${plan.map((rung) => `${rung.trials} to ${rung.until}`).join(', ')} steps`,
    notes,
  };
}
