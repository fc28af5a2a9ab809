/** Judging reward models: what is asked for, how far the lab is, what came of it. It outlives the panel, which may be hidden. */

import { create } from 'zustand';
import type { KeptEvaluationInfo, LabEvent, Model, ModelCardInfo } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { wordsOf } from './evaluation.ts';
import { messageOf } from './message.ts';

export interface JudgeState {
  /** Null until the catalog is there. */
  readonly task: string | null;
  /** Stored models by id and methods by name; empty: all. */
  readonly chosen: readonly string[];
  readonly episodes: number | string;
  readonly seed: number | string;
  readonly stored: readonly Model[];
  readonly phase: 'idle' | 'running';
  /** What the lab works on: part `done` (from 0) of `total`; null until it says so. */
  readonly progress: { readonly part: string; readonly done: number; readonly total: number } | null;
  /** The last evaluation of each task that was asked for, of this visit or as the project kept it; null: there is none. */
  readonly results: ReadonlyMap<string, KeptEvaluationInfo | null>;
  /** Tasks with a kept evaluation, the last one first. */
  readonly evaluated: readonly string[];
  readonly stopped: boolean;
  readonly error: string | null;
  /** The stored model whose card is open. */
  readonly card: {
    readonly id: number;
    readonly content: ModelCardInfo | null;
    readonly error: string | null;
  } | null;
}

export const useJudge = create<JudgeState>()(() => ({
  task: null,
  chosen: [],
  episodes: 20,
  seed: 0,
  stored: [],
  phase: 'idle',
  progress: null,
  results: new Map(),
  evaluated: [],
  stopped: false,
  error: null,
  card: null,
}));

/** Asked for on connecting and when a model was stored. */
export async function reloadStored(): Promise<void> {
  try {
    useJudge.setState({ stored: await lab.models.list() });
    useJudge.setState({ evaluated: (await lab.models.evaluated()).map(({ task }) => task) });
  } catch (error) {
    console.warn('The stored models:', error);
  }
}

export function takeJudgeEvents(events: readonly LabEvent[]): void {
  if (events.some(({ type }) => type === 'model')) void reloadStored();
  // The lab remembers the newest event: without a call of ours it is about something that is over, or not ours.
  if (useJudge.getState().phase !== 'running') return;
  for (const event of events) {
    if (event.type === 'evaluation') {
      const { part, done, total } = event;
      useJudge.setState({ progress: { part, done, total } });
    }
  }
}

/** Asks for the kept evaluation of a task, once. */
export async function loadResult(task: string): Promise<void> {
  const { results } = useJudge.getState();
  if (results.has(task)) return;
  const put = (kept: KeptEvaluationInfo | null): void =>
    useJudge.setState((state) => ({ results: new Map(state.results).set(task, kept) }));
  put(null);
  try {
    const kept = await lab.models.lastEvaluation({ task });
    // One that was finished meanwhile is newer.
    if (useJudge.getState().results.get(task) === null) put(kept);
  } catch (error) {
    useJudge.setState(({ results: known }) => {
      const next = new Map(known);
      next.delete(task);
      return { results: next, error: messageOf(error) };
    });
  }
}

/** The task whose judgement is on screen: the chosen one, else the one that was judged last. */
export const judgedTask = ({ task, evaluated }: Pick<JudgeState, 'task' | 'evaluated'>): string | null =>
  task ?? evaluated[0] ?? null;

let call: AbortController | null = null;

/** @param task where none was chosen yet. */
export async function startJudging(task: string): Promise<void> {
  if (call !== null) return;
  const mine = new AbortController();
  call = mine;
  const { chosen, episodes, seed } = useJudge.getState();
  useJudge.setState({ phase: 'running', progress: null, error: null, stopped: false });
  try {
    const result = await lab.models.evaluate(
      { task, models: wordsOf(chosen), episodes: Number(episodes), seed: Number(seed) },
      { signal: mine.signal },
    );
    useJudge.setState(({ results, evaluated }) => ({
      results: new Map(results).set(task, { at: Date.now(), evaluation: result }),
      evaluated: [task, ...evaluated.filter((one) => one !== task)],
    }));
  } catch (error) {
    useJudge.setState(mine.signal.aborted ? { stopped: true } : { error: messageOf(error) });
  } finally {
    call = null;
    useJudge.setState({ phase: 'idle', progress: null });
  }
}

/** To drop the call is to stop the work. */
export function stopJudging(): void {
  call?.abort();
}

export async function openCard(id: number): Promise<void> {
  useJudge.setState({ card: { id, content: null, error: null } });
  // Another card may have been asked for, or this one closed, before the answer came.
  const answer = (content: ModelCardInfo | null, error: string | null): void =>
    useJudge.setState(({ card }) => (card?.id === id ? { card: { id, content, error } } : {}));
  try {
    answer(await lab.models.card({ id }), null);
  } catch (error) {
    answer(null, messageOf(error));
  }
}

export const closeCard = (): void => useJudge.setState({ card: null });
