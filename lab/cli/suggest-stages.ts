/** `suggest-stages`: the steps that the perceptual reward finds in stored demonstrations, as a proposal for stage labels. */

import { perceptual, suggestStages } from '../../learn/rewards/perceptual.ts';
import { openSenses, type SenseId } from '../../learn/rewards/senses.ts';
import type { Demonstration, StageSpan } from '../../learn/rewards/types.ts';
import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import type { StageLabel, Store } from '../../store/types.ts';
import { UsageError } from '../errors.ts';
import { framesOf, replay, taskModelOf } from '../replay.ts';
import { print, printJson, table } from './output.ts';

/** Whose labels they are. A fit takes them before the simulator's of the same scheme (`demonstrationOf`). */
export const suggestedBy = 'perceptual';

/** @throws UsageError on anything but `3`, `run:3` or `episode:12`. */
export function placeOf(text: string): { readonly kind: 'run' | 'episode'; readonly id: number } {
  const [, kind = 'run', digits] = /^(?:(run|episode):)?([1-9]\d{0,14})$/.exec(text) ?? [];
  if (digits !== undefined) return { kind: kind as 'run' | 'episode', id: Number(digits) };
  throw new UsageError([
    `suggest-stages: found "${text}", wanted a run with demonstrations (3 or run:3) or one of them (episode:12)`,
  ]);
}

export interface Suggestion {
  readonly episode: number;
  readonly frames: number;
  readonly spans: readonly StageSpan[];
  /** What the simulator says, where it does. */
  readonly simulator: readonly StageSpan[];
}

export interface Suggestions {
  readonly task: string;
  readonly source: string;
  /** Under which they were stored; null: they were not. */
  readonly written: StageLabel['scheme'] | null;
  /** Names of the steps: the task's stages where there are as many. */
  readonly steps: readonly string[];
  readonly episodes: readonly Suggestion[];
  /** Episodes that failed: there are no steps to find in them. */
  readonly failed: readonly number[];
}

/**
 * given: settings of `perceptual`; without `steps` there are as many as the task has stages. Sparse labels are the task's own
 * stages, so there must be as many steps; dense ones may be any number.
 * @throws UsageError when there is nothing to split, or when sparse labels of another number of steps are to be stored.
 */
export function suggestionsFor(
  store: Store,
  where: ReturnType<typeof placeOf>,
  given: AnySettings,
  write: StageLabel['scheme'] | null,
): Suggestions {
  const ids =
    where.kind === 'episode'
      ? store.episodes.ids().filter((id) => id === where.id)
      : store.episodes.ids({ runId: where.id, kind: 'demonstration' });
  if (ids.length === 0) {
    const wanted = where.kind === 'episode' ? 'an episode of this project' : 'a run with demonstrations';
    throw new UsageError([`suggest-stages: found nothing at ${where.kind} ${where.id}, wanted ${wanted}`]);
  }
  const model = taskModelOf(store.runs.get(store.episodes.get(ids[0]!).runId));
  const settings = { steps: Math.max(2, model.stages.length), ...given };
  if (write === 'sparse' && settings.steps !== model.stages.length) {
    throw new UsageError([
      `suggest-stages: found ${settings.steps} steps, wanted ${model.stages.length} for labels of scheme sparse, the stages of ${model.id}; scheme dense takes any number`,
    ]);
  }
  const senses = perceptual.senses!(settings);
  const names = openSenses(model, senses).parts.flatMap((part) => [...part.names]);
  const demonstrations = ids.map((id) => unlabelled(store, model, id, senses));
  const found = suggestStages(demonstrations, settings, { names });
  const episodes = ids.flatMap((episode, n): Suggestion[] => {
    const spans = found[n]!;
    if (spans.length === 0) return [];
    const simulator = store.labels
      .get(episode)
      .filter(({ source, scheme }) => source === 'simulator' && scheme === 'sparse')
      .map(({ stage, start, end }) => ({ stage, start, end }));
    return [{ episode, frames: demonstrations[n]!.length + 1, spans, simulator }];
  });
  if (write !== null)
    for (const { episode, spans } of episodes) store.labels.set(episode, suggestedBy, write, spans);
  return {
    task: model.id,
    source: suggestedBy,
    written: write,
    steps: Array.from({ length: settings.steps }, (_, k) =>
      settings.steps === model.stages.length ? model.stages[k]!.id : `step ${k + 1}`,
    ),
    episodes,
    failed: ids.filter((_, n) => found[n]!.length === 0),
  };
}

/** @throws RangeError when the stored episode cannot be simulated again. */
function unlabelled(store: Store, model: TaskModel, id: number, senses: readonly SenseId[]): Demonstration {
  const episode = store.episodes.get(id);
  const columns = store.episodes.columns(id, ['action', 'keyframe', 'stateHash']);
  const { states, ok, message } = replay(model, episode, columns);
  if (!ok) throw new RangeError(message);
  return {
    id: String(id),
    length: episode.length,
    frames: framesOf(model, senses, states),
    stages: [],
    success: episode.success,
  };
}

export function showSuggestions(found: Suggestions, json: boolean): void {
  if (json) return printJson(found);
  const { steps, episodes, failed, written, source } = found;
  const line = (spans: readonly StageSpan[]): string =>
    spans.map(({ stage, start, end }) => `${steps[stage] ?? stage} ${start}-${end - 1}`).join(', ');
  print(
    table(
      episodes.map(({ episode, frames, spans, simulator }) => ({
        episode,
        frames,
        suggested: line(spans),
        ...(simulator.length > 0 ? { 'begins by the simulator': startsOf(simulator) } : {}),
      })),
    ),
  );
  if (failed.length > 0) print(`Failed, so without steps: ${failed.join(', ')}`);
  print(
    written === null
      ? 'Nothing stored; --write sparse or --write dense stores them as labels.'
      : `Stored as labels of scheme ${written}, source ${source}.`,
  );
}

const startsOf = (spans: readonly StageSpan[]): string =>
  spans.map(({ stage, start }) => `${stage + 1}: ${start}`).join(', ');
