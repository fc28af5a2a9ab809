/**
 * From tables to words. A model counts as better than a counter-baseline where their intervals do not overlap, which is more
 * than is needed (the episodes are the same), so a small difference stays untold; never on a measure that either does not have.
 */

import { fewestUnits, type Measure } from '../learn/diagnostics/measure.ts';
import type { JudgedModel } from './reward-evaluation.ts';
import { type Better, type RewardTable, truthRow } from './reward-tables.ts';

export interface ModelVerdict {
  readonly model: string;
  readonly verdict: 'trust' | 'with care' | 'do not trust' | 'not measurable' | 'baseline';
  /** Plain sentences, the weightiest first. */
  readonly why: readonly string[];
}

/** Of a final score above the truth: less is within what thresholds forgive. */
const muchOptimism = 0.1;

/** Measures that a clock or a constant must not match; the first two decide. */
const decisive: readonly { readonly table: string; readonly column: string; readonly title: string }[] = [
  { table: 'truth', column: 'rankAcross', title: 'rank across episodes' },
  { table: 'outcomes', column: 'preference', title: 'preferences' },
  { table: 'outcomes', column: 'gap', title: 'success gap' },
  { table: 'order', column: 'vocReversed', title: 'reversed clips' },
  { table: 'order', column: 'rewindFall', title: 'rewind' },
  { table: 'distance', column: `epic/${truthRow}`, title: 'EPIC distance' },
];
const deciding = 2;

type Range = readonly [low: number, high: number];

/** How bad, as a range: smaller is better. */
function badness({ value, interval }: Measure, better: Better): Range | null {
  if (value === null || better === 'none') return null;
  const { low, high } = interval ?? { low: value, high: value };
  const around = (centre: number): Range => {
    const [a, b] = [Math.abs(low - centre), Math.abs(high - centre)];
    const holds = low <= centre && centre <= high;
    return [holds ? 0 : Math.min(a, b), Math.max(a, b)];
  };
  if (better === 'higher') return [-high, -low];
  if (better === 'lower') return [low, high];
  return around(better === 'zero' ? 0 : 1);
}

export type Contest = 'beats' | 'loses' | 'even' | 'unmeasured';

export function contest(mine: Measure, theirs: Measure, better: Better): Contest {
  const a = badness(mine, better);
  const b = badness(theirs, better);
  if (a === null) return 'unmeasured';
  // A baseline whose scores say nothing at all is no match for a number.
  if (b === null) return theirs.count < fewestUnits ? 'unmeasured' : 'beats';
  if (a[1] < b[0]) return 'beats';
  return b[1] < a[0] ? 'loses' : 'even';
}

const number = (value: number): string => (Object.is(value, -0) ? '0' : String(Number(value.toFixed(2))));
const inWords = ({ value, interval }: Measure): string =>
  value === null
    ? 'not measurable'
    : interval === null
      ? number(value)
      : `${number(value)} (${number(interval.low)} to ${number(interval.high)})`;

export function judgeRewards(
  models: readonly JudgedModel[],
  tables: readonly RewardTable[],
): { readonly verdicts: readonly ModelVerdict[]; readonly answer: string } {
  const cell = (table: string, model: string, column: string): Measure | undefined =>
    tables.find(({ id }) => id === table)?.rows.find((row) => row.model === model)?.cells[column];
  const betterOf = (table: string, column: string): Better =>
    tables.find(({ id }) => id === table)?.columns.find(({ id }) => id === column)?.better ?? 'none';
  const judged = models.filter(({ failed }) => failed === null);
  const baselines = judged.filter(({ baseline }) => baseline);
  const epic = (model: string): Measure | undefined => cell('distance', model, `epic/${truthRow}`);

  const verdicts = models.map((model): ModelVerdict => {
    const { key, failed, causal } = model;
    if (failed !== null)
      return { model: key, verdict: 'not measurable', why: [`there is no model to judge: ${failed}`] };
    const contests = decisive.map(({ table, column, title }, rank) => {
      const mine = cell(table, key, column);
      const against = baselines
        .filter((one) => one.key !== key)
        .map((one) => ({
          key: one.key,
          method: one.method,
          result: contest(
            mine ?? { value: null, interval: null, count: 0 },
            cell(table, one.key, column) ?? { value: null, interval: null, count: 0 },
            betterOf(table, column),
          ),
        }));
      return { title, rank, mine, against };
    });
    const measured = contests.filter(({ mine }) => mine !== undefined && mine.value !== null);
    const optimism = (['failureFinal', 'wrongGoal', 'exploit'] as const).map((column) => ({
      column,
      found: cell('optimism', key, column),
    }));
    const words = { failureFinal: 'failures', wrongGoal: 'another goal', exploit: 'the exploit' } as const;
    const over = optimism.filter(
      ({ found }) => (found?.interval?.low ?? Number.NEGATIVE_INFINITY) > muchOptimism,
    );
    const unclear = optimism.filter(
      (one) => !over.includes(one) && (found(one)?.interval?.high ?? Number.NEGATIVE_INFINITY) > muchOptimism,
    );
    const why: string[] = [];
    const ramp = (wanted: Contest): string[] =>
      contests
        .filter(({ against }) =>
          against.some(({ method, result }) => method === 'time-ramp' && result === wanted),
        )
        .map(({ title }) => title);
    if (model.baseline) {
      return {
        model: key,
        verdict: 'baseline',
        why: [`${model.title}: shows what each measure is worth, is not to be trained on`],
      };
    }
    if (measured.length === 0 || contests.slice(0, deciding).every(({ mine }) => mine?.value == null)) {
      const reason = contests.find(({ mine }) => mine?.reason !== undefined)?.mine?.reason;
      return {
        model: key,
        verdict: 'not measurable',
        why: [`its order cannot be told on these episodes: ${reason ?? 'nothing was measured'}`],
      };
    }
    const [beats, loses, even] = [ramp('beats'), ramp('loses'), ramp('even')];
    if (beats.length > 0) why.push(`beats the clock (time-ramp) in ${beats.join(', ')}`);
    if (loses.length > 0) why.push(`is worse than the clock in ${loses.join(', ')}`);
    if (even.length > 0) why.push(`cannot be told from the clock in ${even.join(', ')}`);
    for (const { column, found } of over)
      why.push(`over-optimistic on ${words[column]}: ends ${inWords(found!)} above true progress`);
    for (const one of unclear)
      why.push(
        `may be over-optimistic on ${words[one.column]}: ends ${inWords(found(one)!)} above true progress`,
      );
    const clean = optimism.filter(
      ({ found }) => (found?.interval?.high ?? Number.POSITIVE_INFINITY) <= muchOptimism,
    );
    if (clean.length > 0)
      why.push(`not over-optimistic on ${clean.map(({ column }) => words[column]).join(', ')}`);
    if (cell('optimism', key, 'wrongGoal') === undefined)
      why.push('not tried on another goal: this task has none that could be written into a state');
    const missing = contests.filter(({ mine }) => mine?.value == null);
    if (missing.length > 0) why.push(`not measurable: ${missing.map(({ title }) => title).join(', ')}`);
    if (!causal) why.push('looks ahead: for scoring and weighing only, it cannot be paid online');
    const beatsAll = contests
      .slice(0, deciding)
      .every(({ against }) => against.every(({ result }) => result === 'beats'));
    const beatsAny = contests.some(
      ({ against }) => against.length > 0 && against.every(({ result }) => result === 'beats'),
    );
    // Doubt counts against it: what may be over-optimistic is used with care.
    const verdict =
      beatsAll && over.length + unclear.length === 0 ? 'trust' : beatsAny ? 'with care' : 'do not trust';
    return { model: key, verdict, why };
  });
  return { verdicts, answer: answerOf(verdicts, models, epic) };
}

const found = ({ found: one }: { readonly found: Measure | undefined }): Measure | undefined => one;

/** Of the best class, the one whose reward is nearest to true progress. */
function answerOf(
  verdicts: readonly ModelVerdict[],
  models: readonly JudgedModel[],
  epic: (model: string) => Measure | undefined,
): string {
  const of = (wanted: ModelVerdict['verdict']): ModelVerdict[] =>
    verdicts.filter(({ verdict }) => verdict === wanted);
  const candidates = of('trust').length > 0 ? of('trust') : of('with care');
  if (candidates.length === 0) {
    const open = of('not measurable').length;
    return `None of ${models.filter(({ baseline }) => !baseline).length} models can be trusted on this task${open > 0 ? ` (${open} could not be measured)` : ''}: none beats a clock, a constant and shuffled frames.`;
  }
  const distance = (model: string): number => epic(model)?.value ?? Number.POSITIVE_INFINITY;
  const ranked = [...candidates].sort((a, b) => distance(a.model) - distance(b.model));
  const [first, ...others] = ranked;
  const mine = epic(first!.model);
  const close = others.filter(({ model }) => {
    const theirs = epic(model);
    return mine?.interval != null && theirs?.interval != null && theirs.interval.low <= mine.interval.high;
  });
  const care = first!.verdict === 'with care' ? ', with care' : '';
  return [
    `Trust ${first!.model} first${care}: ${first!.why[0] ?? ''}${mine?.value == null ? '' : `; EPIC distance to true progress ${inWords(mine)}, the smallest of ${candidates.length} in its class`}.`,
    ...(close.length === 0
      ? []
      : [`Not told apart from it by that distance: ${close.map(({ model }) => model).join(', ')}.`]),
    ...(first!.why.length > 1 ? [`Also: ${first!.why.slice(1).join('; ')}.`] : []),
  ].join(' ');
}
