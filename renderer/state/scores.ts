/** Scores of reward models on the episodes on screen: asked of the lab when they are wanted, kept, given up when nobody wants them. */

import { create } from 'zustand';
import type { LabEvent, ScorerRef } from '../../lab/api.ts';
import { unpack } from '../../lab/pack.ts';
import { lab } from '../lab.ts';
import type { ModelScore } from '../timeline/series.ts';
import { messageOf } from './message.ts';

export interface ScoresState {
  /** By episode, then by key of the model. */
  readonly scores: ReadonlyMap<number, ReadonlyMap<string, ModelScore>>;
  /** The episode that is being scored, models done of `total`. */
  readonly atWork: { readonly episode: number; readonly done: number; readonly total: number } | null;
  /** Somebody cancelled: nothing is asked for until they ask again. */
  readonly stopped: boolean;
  /** Why a model has no score, each once. */
  readonly problems: readonly string[];
}

export const useScores = create<ScoresState>()(() => ({
  scores: new Map(),
  atWork: null,
  stopped: false,
  problems: [],
}));

/** Episodes whose scores are kept. */
const mostEpisodes = 60;

export interface Wanted {
  readonly episode: number;
  readonly keys: readonly string[];
}

let wanted: readonly Wanted[] = [];
let call: AbortController | null = null;
/** `episode/key` of what could not be scored: asked for once. */
const failed = new Set<string>();

/** The latest wish counts; what is under way for an episode that is gone is dropped. */
export function wantScores(next: readonly Wanted[]): void {
  wanted = next;
  const { atWork } = useScores.getState();
  if (atWork && !next.some(({ episode }) => episode === atWork.episode)) call?.abort();
  if (!call && !useScores.getState().stopped) void work();
}

export function cancelScores(): void {
  useScores.setState({ stopped: true });
  call?.abort();
}

export function askAgain(): void {
  failed.clear();
  useScores.setState({ stopped: false, problems: [] });
  if (!call) void work();
}

export function takeScoreEvents(events: readonly LabEvent[]): void {
  const { atWork } = useScores.getState();
  for (const event of events) {
    if (event.type === 'scoring' && event.episode === atWork?.episode)
      useScores.setState({ atWork: { ...atWork, done: event.done, total: event.total } });
  }
}

const refOf = (key: string): ScorerRef =>
  /^\d+$/.test(key) ? Number(key) : (key as 'constant' | 'time-ramp');

function nextMissing(): Wanted | undefined {
  const { scores } = useScores.getState();
  for (const { episode, keys } of wanted) {
    const missing = keys.filter((key) => !scores.get(episode)?.has(key) && !failed.has(`${episode}/${key}`));
    if (missing.length > 0) return { episode, keys: missing.slice(0, 24) };
  }
  return undefined;
}

async function work(): Promise<void> {
  for (let next = nextMissing(); next && !useScores.getState().stopped; next = nextMissing()) {
    const mine = new AbortController();
    call = mine;
    const { episode, keys } = next;
    useScores.setState({ atWork: { episode, done: 0, total: keys.length } });
    try {
      const { models, data } = await lab.episodes.score(
        { id: episode, models: keys.map(refOf) },
        { signal: mine.signal },
      );
      const arrays = unpack(data);
      const own = new Map(useScores.getState().scores.get(episode));
      for (const { key, title, seed, baseline, causal, failed: why } of models) {
        const perStep = arrays[`${key}/perStep`];
        const std = arrays[`${key}/std`];
        if (!(perStep instanceof Float32Array)) {
          failed.add(`${episode}/${key}`);
          complain(`${title}: ${why ?? 'no score came'}`);
          continue;
        }
        own.set(key, {
          key,
          title,
          seed,
          baseline,
          causal,
          perStep,
          std: std instanceof Float32Array ? std : null,
        });
      }
      keep(episode, own);
    } catch (error) {
      if (!mine.signal.aborted) {
        for (const key of keys) failed.add(`${episode}/${key}`);
        complain(messageOf(error));
      }
    } finally {
      call = null;
      useScores.setState({ atWork: null });
    }
  }
}

function complain(problem: string): void {
  useScores.setState(({ problems }) =>
    problems.includes(problem) ? {} : { problems: [...problems, problem] },
  );
}

function keep(episode: number, own: ReadonlyMap<string, ModelScore>): void {
  const scores = new Map(useScores.getState().scores);
  scores.delete(episode);
  scores.set(episode, own);
  for (const oldest of scores.keys()) {
    if (scores.size <= mostEpisodes) break;
    scores.delete(oldest);
  }
  useScores.setState({ scores });
}
