/** `self-play`: both sides of a game learn against each other; what it came to against opponents that do not change. */

import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import type { Recipe } from '../api.ts';
import { UsageError } from '../errors.ts';
import type { Lab } from '../lab.ts';
import { sidesOf } from '../opponents.ts';
import { taskNamed } from '../registry.ts';
import { wilsonInterval } from '../statistics.ts';
import { taskRecipe } from '../task-recipe.ts';
import { duration, note, percent, print, printJson, table } from './output.ts';
import { exitCodeOf, follow, resultOf } from './runs.ts';

export interface SelfPlayFlags {
  readonly task?: string;
  readonly algorithm: string;
  readonly steps?: number;
  readonly show?: number;
}

function isGame(id: string): boolean {
  const { create, fields } = taskNamed(id)!;
  try {
    return sidesOf(create(defaultsOf(fields))).length === 2;
  } catch {
    return false;
  }
}

/** @throws UsageError when no task is named or there is no such task. */
export function selfPlayRecipe({ task, algorithm, steps }: SelfPlayFlags): Recipe {
  if (task === undefined) {
    throw new UsageError([
      `self-play: wanted --task with a game of two sides: ${Object.keys(tasks).filter(isGame).join(', ')}`,
    ]);
  }
  const { recipe, notes } = taskRecipe({ task, algorithm });
  for (const line of notes) note(line);
  return {
    ...recipe,
    name: `${task}-${algorithm}-self-play`,
    title: `${task}: both sides learn`,
    // Where the game has been decided nothing is left to learn, whatever the horizon.
    ...(Object.hasOwn(taskNamed(task)!.fields, 'fixedHorizon')
      ? { taskSettings: { fixedHorizon: false } }
      : {}),
    algorithmSettings: { ...recipe.algorithmSettings, ...(steps === undefined ? {} : { steps }) },
    selfPlay: {},
  };
}

interface Point {
  readonly step: number;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

export interface WinRates {
  readonly run: number;
  readonly name: string;
  readonly seed: number;
  readonly games: number;
  /** By side, then opponent; steps ascend. */
  readonly win: Readonly<Record<string, Readonly<Record<string, readonly Point[]>>>>;
}

/** @throws UsageError when there is no such run, or it is none of self-play. */
export function winRatesOf(lab: Lab, id: number): WinRates {
  const { name, seed, config } = lab.find(id);
  const settings = config['selfPlay'] as { readonly games: number } | undefined;
  if (settings === undefined) throw new UsageError([`run ${id} (${name}) is no run of self-play`]);
  const { games } = settings;
  const win: Record<string, Record<string, Point[]>> = {};
  const { steps, values } = lab.store.metrics.series(id, { maxPoints: Number.MAX_SAFE_INTEGER });
  for (const [path, series] of values) {
    const [kind, side, opponent] = path.split('/');
    if (kind !== 'win' || side === undefined || opponent === undefined) continue;
    win[side] ??= {};
    win[side][opponent] = Array.from(steps, (step, i) => ({ step, rate: series[i]! }))
      .filter(({ rate }) => !Number.isNaN(rate))
      .map((point) => ({ ...point, ...wilsonInterval(Math.round(point.rate * games), games) }));
  }
  return { run: id, name, seed, games, win };
}

export function printWinRates({ win, games }: WinRates): void {
  const rows = Object.entries(win).flatMap(([side, opponents]) =>
    Object.entries(opponents).map(([opponent, points]) => {
      const at = (share: number): Point => points[Math.round(share * (points.length - 1))]!;
      const last = at(1);
      return {
        side,
        against: opponent,
        first: `${percent(at(0).rate)} (${at(0).step})`,
        middle: `${percent(at(0.5).rate)} (${at(0.5).step})`,
        last: `${percent(last.rate)} (${last.step})`,
        '95 % interval': `${percent(last.low)} .. ${percent(last.high)}`,
      };
    }),
  );
  print(table(rows) || 'Nothing has been measured yet.');
  print(`Shares of ${games} games won, at steps (in brackets); docs/self-play.md says against whom.`);
}

/** Follows the run to its end and prints the table. Returns the exit code. */
export async function showSelfPlay(lab: Lab, id: number, json: boolean): Promise<number> {
  const started = performance.now();
  const [run] = await follow(lab, new Map([[id, '']]));
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const rates = winRatesOf(lab, id);
  if (json) printJson({ ...resultOf(lab, run!), seconds, games: rates.games, win: rates.win });
  else {
    printWinRates(rates);
    if (run!.status === 'done')
      print(`Run ${id}, ${duration(seconds)}; again with: lab self-play --show ${id}`);
  }
  return exitCodeOf(run!);
}
