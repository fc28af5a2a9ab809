/**
 * Runs that belong together: the seeds of one experiment (`g1`, `g2` ...) or the trials of one search (`s1` ...). A group is
 * nothing but a mark in the configuration of each of its runs, so it needs no table and cannot disagree with them.
 */

import type { RunRow, Store } from '../store/types.ts';
import type { Recipe } from './api.ts';
import { UsageError } from './errors.ts';

export interface GroupMark {
  readonly id: string;
  readonly name: string;
}

/** What a search was asked for; with the same definition it draws and decides the same. */
export interface SearchDefinition {
  readonly recipe: Recipe;
  readonly space: string;
  readonly trials: number;
  readonly eta: number;
  readonly minSteps: number;
  /** No rung is longer; null: as many rungs as the trials last. */
  readonly maxSteps: number | null;
  /** Training seeds of every trial. */
  readonly seeds: readonly number[];
  /** Of the drawing of configurations, and of the starts that trials are scored on. */
  readonly seed: number;
  /** How many starts a trial is scored on at the end of a rung. */
  readonly episodes: number;
  readonly score: 'success' | 'return' | 'progress';
}

/** What the configuration of a trial's run holds beside the experiment. */
export interface TrialMark {
  /** From 0. */
  readonly trial: number;
  /** As `--set` has them. */
  readonly sets: readonly string[];
  readonly definition: SearchDefinition;
}

export interface Group extends GroupMark {
  readonly runs: readonly RunRow[];
}

/** The group of a training run; an evaluation repeats its run's configuration and belongs to none. */
export function groupOf({ kind, config }: Pick<RunRow, 'kind' | 'config'>): GroupMark | undefined {
  return kind === 'train' ? (config['group'] as GroupMark | undefined) : undefined;
}

export function trialOf({ kind, config }: Pick<RunRow, 'kind' | 'config'>): TrialMark | undefined {
  return kind === 'train' ? (config['search'] as TrialMark | undefined) : undefined;
}

/** Every group of the project, oldest first. */
export function groupsOf(store: Store): Group[] {
  const found = new Map<string, { mark: GroupMark; runs: RunRow[] }>();
  for (const row of store.runs.list()) {
    const mark = groupOf(row);
    if (mark === undefined) continue;
    const entry = found.get(mark.id);
    if (entry === undefined) found.set(mark.id, { mark, runs: [row] });
    else entry.runs.push(row);
  }
  return [...found.values()].map(({ mark, runs }) => ({ ...mark, runs }));
}

/** @throws UsageError when there is no such group. */
export function findGroup(store: Store, id: string): Group {
  const all = groupsOf(store);
  const group = all.find((one) => one.id === id);
  if (group !== undefined) return group;
  const known = all.length === 0 ? 'it has none' : `it has ${all.map((one) => one.id).join(', ')}`;
  throw new UsageError([`there is no group ${id} in this project; ${known}`]);
}

/** The next free id: `g` for seeds of one experiment, `s` for searches. */
export function nextGroupId(store: Store, letter: 'g' | 's'): string {
  const numbers = groupsOf(store).flatMap(({ id }) => (id.startsWith(letter) ? [Number(id.slice(1))] : []));
  return `${letter}${Math.max(0, ...numbers) + 1}`;
}

export const isGroupId = (text: string): boolean => /^[gs][1-9]\d{0,8}$/.test(text);
