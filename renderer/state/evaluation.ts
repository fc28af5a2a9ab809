/** An evaluation of reward models as the panel shows it: numbers in words, the best of each column, reasons. Pure. */

import type { RewardEvaluationInfo } from '../../lab/api.ts';

export type RewardTable = RewardEvaluationInfo['tables'][number];
export type TableColumn = RewardTable['columns'][number];
export type Measure = RewardTable['rows'][number]['cells'][string];

/** Two digits: what an interval over some dozens of episodes leaves of the others is noise. */
export const shownFigure = (value: number): string => {
  const text = value.toFixed(2);
  return text === '-0.00' ? '0.00' : text;
};

export const intervalText = ({ interval }: Measure): string =>
  interval === null ? '' : `${shownFigure(interval.low)} to ${shownFigure(interval.high)}`;

export const wantedText: Readonly<Record<TableColumn['better'], string>> = {
  higher: 'higher is better',
  lower: 'lower is better',
  zero: '0 is best',
  one: '1 is best',
  none: 'for comparison',
};

/** Smaller is better, at the digits that are shown. */
function badness(value: number, better: Exclude<TableColumn['better'], 'none'>): number {
  const shown = Number(shownFigure(value));
  switch (better) {
    case 'higher':
      return -shown;
    case 'lower':
      return shown;
    case 'zero':
      return Math.abs(shown);
    case 'one':
      return Math.abs(shown - 1);
  }
}

export interface BestOfColumn {
  /** The model with the best value, and those that show the same; no counter-baseline is among them. */
  readonly models: readonly string[];
  /** Counter-baselines that do as well or better: the measure then says nothing for the best. */
  readonly matchedBy: readonly string[];
}

/** @param models of the evaluation: rows of the task's own rewards and of true progress are no candidates. */
export function bestOf(
  { rows }: Pick<RewardTable, 'rows'>,
  { id, better }: Pick<TableColumn, 'id' | 'better'>,
  models: readonly { readonly key: string; readonly baseline: boolean }[],
): BestOfColumn {
  if (better === 'none') return { models: [], matchedBy: [] };
  const scored = rows.flatMap(({ model, cells }) => {
    const judged = models.find(({ key }) => key === model);
    const value = cells[id]?.value ?? null;
    return judged === undefined || value === null
      ? []
      : [{ model, baseline: judged.baseline, badness: badness(value, better) }];
  });
  const candidates = scored.filter(({ baseline }) => !baseline);
  if (candidates.length === 0) return { models: [], matchedBy: [] };
  const least = Math.min(...candidates.map((one) => one.badness));
  const names = (list: typeof scored): string[] => list.map(({ model }) => model);
  return {
    models: names(candidates.filter((one) => one.badness === least)),
    matchedBy: names(scored.filter((one) => one.baseline && one.badness <= least)),
  };
}

/** Why cells of a table have no value, each reason once, in the order of the rows. A cell points to its reason by its number. */
export function reasonsOf({ rows, columns }: Pick<RewardTable, 'rows' | 'columns'>): string[] {
  const reasons = new Set<string>();
  for (const { cells } of rows) {
    for (const { id } of columns) {
      const cell = cells[id];
      if (cell !== undefined && cell.value === null) reasons.add(reasonOf(cell));
    }
  }
  return [...reasons];
}

export const reasonOf = ({ reason }: Measure): string => reason ?? 'no reason was given';

/** The answer in its sentences: a full stop within a number ends none. */
export const sentencesOf = (text: string): string[] => text.split(/(?<=\.) (?=[A-Z])/);

/** What `models.evaluate` takes: nothing chosen means all. */
export const wordsOf = (chosen: readonly string[]): string =>
  chosen.length === 0 ? 'all' : chosen.join(',');

/** Why the form cannot start; undefined when it can. The bounds are those of the api. */
export function formProblem(name: 'episodes' | 'seed', value: number | string): string | undefined {
  const [min, max] = name === 'episodes' ? [1, 1000] : [0, 2 ** 31 - 1];
  if (value === '') return `A number is missing here: ${min} to ${max}`;
  const number = Number(value);
  if (!Number.isInteger(number)) return `${value} is not a whole number`;
  return number < min || number > max ? `${value} is outside ${min} to ${max}` : undefined;
}
