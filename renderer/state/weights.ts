/** Weights of reward stacks, and how they were changed while runs trained: for the panel and for the marks on curves. */

import { useEffect, useMemo } from 'react';
import { create } from 'zustand';
import { lab, useConnection } from '../lab.ts';
import { useRuns } from './runs.ts';

export interface WeightLine {
  readonly line: number;
  readonly reward: string;
  /** How a learned reward enters; null for native ones. */
  readonly use: string | null;
  /** As the run began. */
  readonly initial: number;
  /** As it is now. */
  readonly weight: number;
  /** The weight is multiplied by a factor that changes with the steps. */
  readonly isScheduled: boolean;
}

/** One change: a vertical line with its number on every curve of the run. */
export interface WeightMark {
  /** From 1, oldest first. */
  readonly number: number;
  readonly step: number;
  readonly line: number;
  readonly reward: string;
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface RunWeights {
  readonly lines: readonly WeightLine[];
  readonly marks: readonly WeightMark[];
}

interface Change {
  readonly step: number;
  readonly line: number;
  readonly weight: number;
  readonly at: number;
}

/** Joins a run's configuration and its changes. Pure. */
export function weightsOf(config: Readonly<Record<string, unknown>>, changes: readonly Change[]): RunWeights {
  const stack = (Array.isArray(config['reward']) ? config['reward'] : []) as readonly {
    readonly reward: string;
    readonly use?: string | null;
    readonly weight?: number;
    readonly schedule?: unknown;
  }[];
  const now = stack.map(({ weight = 1 }) => weight);
  const marks = [...changes]
    .sort((a, b) => a.step - b.step || a.line - b.line)
    .flatMap(({ step, line, weight, at }): Omit<WeightMark, 'number'>[] => {
      const reward = stack[line]?.reward;
      if (reward === undefined) return [];
      const from = now[line]!;
      now[line] = weight;
      return [{ step, line, reward, from, to: weight, at }];
    })
    .map((mark, i) => ({ number: i + 1, ...mark }));
  return {
    lines: stack.map(({ reward, use, weight: initial = 1, schedule }, line) => ({
      line,
      reward,
      use: use ?? null,
      initial,
      weight: now[line]!,
      isScheduled: schedule !== undefined && schedule !== null,
    })),
    marks,
  };
}

const useWeights = create<{ readonly runs: ReadonlyMap<number, RunWeights> }>()(() => ({ runs: new Map() }));

/** Asks the lab for the weights of a run. */
export async function loadWeights(id: number): Promise<RunWeights> {
  const [{ config }, changes] = await Promise.all([lab.runs.get({ id }), lab.runs.weights({ id })]);
  const found = weightsOf(config, changes);
  useWeights.setState(({ runs }) => ({ runs: new Map(runs).set(id, found) }));
  return found;
}

/** The weights of these runs, asked for again whenever one of them says something new (each change is said as an alert). */
export function useRunWeights(ids: readonly number[]): ReadonlyMap<number, RunWeights> {
  const isOpen = useConnection((state) => state.status === 'open');
  const news = useRuns((state) => ids.map((id) => `${id}/${state.runs.get(id)?.alerts.length ?? 0}`).join());
  const runs = useWeights((state) => state.runs);
  useEffect(() => {
    if (!isOpen) return;
    for (const part of news.split(',').filter(Boolean)) {
      const id = Number(part.split('/')[0]);
      if (useRuns.getState().runs.get(id)?.kind !== 'train') continue;
      loadWeights(id).catch((error: unknown) => console.warn(`Weights of run ${id}:`, error));
    }
  }, [news, isOpen]);
  return runs;
}

const none: readonly WeightMark[] = [];

/** Changes of weights by run, oldest first, for vertical lines on its curves; empty for runs without any. */
export function useWeightMarks(ids: readonly number[]): ReadonlyMap<number, readonly WeightMark[]> {
  const runs = useRunWeights(ids);
  const key = ids.join();
  return useMemo(
    () =>
      new Map(
        key
          .split(',')
          .filter(Boolean)
          .map((id) => [Number(id), runs.get(Number(id))?.marks ?? none]),
      ),
    [key, runs],
  );
}
