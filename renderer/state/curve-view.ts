/** What the curves panel shows: single runs, groups with their intervals, or truth beside proxy. Kept for the next visit. */

import { create } from 'zustand';
import type { CurveAxis } from '../../lab/api.ts';
import { focusPanel, memory } from './layout.ts';

export type CurveMode = 'runs' | 'groups' | 'truth';

export interface CurveView {
  readonly mode: CurveMode;
  /** Groups and runs of the mode `groups`; empty: that of the selected run, and the pinned baseline. */
  readonly sides: readonly string[];
  /** Run or group of the mode `truth`; null: the first of `sides`. */
  readonly truthSide: string | null;
  readonly x: CurveAxis;
  readonly isLog: boolean;
  /** Differences from the baseline in place of the curves themselves. */
  readonly isDifference: boolean;
  /** The numbers in place of the drawings. */
  readonly isTable: boolean;
  readonly truth: string | null;
  readonly proxy: string | null;
  /** The part of the x axis in view; null: all of it. */
  readonly zoom: { readonly low: number; readonly high: number } | null;
}

const key = 'reward-lab.curves';
type Kept = Pick<CurveView, 'mode' | 'x' | 'isLog' | 'isTable'>;
const kept = JSON.parse(memory.get(key) ?? '{}') as Partial<Kept>;

export const useCurveView = create<CurveView>()(() => ({
  mode: kept.mode ?? 'runs',
  sides: [],
  truthSide: null,
  x: kept.x ?? 'steps',
  isLog: kept.isLog ?? false,
  isDifference: false,
  isTable: kept.isTable ?? false,
  truth: null,
  proxy: null,
  zoom: null,
}));

useCurveView.subscribe(({ mode, x, isLog, isTable }) =>
  memory.set(key, JSON.stringify({ mode, x, isLog, isTable } satisfies Kept)),
);

/** From the table of runs. */
export function drawSides(sides: readonly string[]): void {
  useCurveView.setState({ mode: 'groups', sides: [...sides], zoom: null });
  focusPanel('curves');
}
