/**
 * From numbers to a verdict, the same for every claim. The interval is a 95 % percentile bootstrap of the mean over seeds;
 * with few seeds it is narrower than it should be, which is why the number of seeds stands beside it.
 *
 *   holds           the interval lies wholly on the claimed side
 *   fails           it lies wholly on the other side, or every seed gave the same number on that side
 *   not measurable  it holds both sides, fewer than two seeds gave a number, or an arm has none
 */

import { bootstrapInterval, mean, standardDeviation } from '../statistics.ts';
import type { ArmReport, Claim, ClaimVerdict, Expectation, ExpectationReport } from './types.ts';

/** Three digits that say something. */
const words = (value: number): string => (Object.is(value, -0) ? '0' : String(Number(value.toPrecision(3))));

/** values: by seed, then by arm. */
export function judge(
  expectation: Expectation,
  values: readonly Readonly<Record<string, number>>[],
): ExpectationReport {
  const { numbers, threshold, want, text } = read(expectation, values);
  const usable = numbers.filter(Number.isFinite);
  if (usable.length < 2) {
    return {
      text: `${text}: ${usable.length} of ${numbers.length} seeds gave a number, wanted at least 2`,
      effect: usable[0] ?? null,
      interval: null,
      verdict: 'not measurable',
    };
  }
  const effect = mean(usable);
  const interval = bootstrapInterval([usable], ([drawn]) => mean(drawn!));
  const isAbove = want === 'strictly above' ? interval.low > threshold : interval.low >= threshold;
  const isBelow = want === 'strictly above' ? interval.high <= threshold : interval.high < threshold;
  return {
    text: `${text}: ${words(effect)} (95 % of seeds' mean ${words(interval.low)} to ${words(interval.high)}, ${usable.length} seeds)`,
    effect,
    interval,
    verdict: isAbove ? 'holds' : isBelow ? 'fails' : 'not measurable',
  };
}

/** Numbers of which the mean must lie above the threshold. */
function read(
  expectation: Expectation,
  values: readonly Readonly<Record<string, number>>[],
): { numbers: number[]; threshold: number; want: 'at least' | 'strictly above'; text: string } {
  const of = (seed: Readonly<Record<string, number>>, arm: string): number => seed[arm] ?? Number.NaN;
  if (expectation.kind === 'better') {
    const { arm, than, want, by = 0 } = expectation;
    const sign = want === 'higher' ? 1 : -1;
    return {
      numbers: values.map((seed) => sign * (of(seed, arm) - of(seed, than))),
      threshold: by,
      want: 'strictly above',
      text: `${arm} ${want} than ${than}${by === 0 ? '' : ` by more than ${words(by)}`}`,
    };
  }
  const { arm, atLeast, atMost } = expectation;
  if (atLeast !== undefined) {
    return {
      numbers: values.map((seed) => of(seed, arm)),
      threshold: atLeast,
      want: 'at least',
      text: `${arm} at least ${words(atLeast)}`,
    };
  }
  return {
    numbers: values.map((seed) => -of(seed, arm)),
    threshold: -(atMost ?? Number.NaN),
    want: 'at least',
    text: `${arm} at most ${words(atMost ?? Number.NaN)} (signs turned)`,
  };
}

/** All hold; or one fails; or nobody can tell. */
export function together(verdicts: readonly ClaimVerdict[]): ClaimVerdict {
  if (verdicts.includes('fails')) return 'fails';
  if (verdicts.length === 0 || verdicts.includes('not measurable')) return 'not measurable';
  return 'holds';
}

export function armReports(
  { arms }: Pick<Claim, 'arms'>,
  values: readonly Readonly<Record<string, number>>[],
): Record<string, ArmReport> {
  return Object.fromEntries(
    Object.entries(arms).map(([arm, title]) => {
      const numbers = values.map((seed) => seed[arm] ?? Number.NaN);
      const usable = numbers.filter(Number.isFinite);
      return [
        arm,
        {
          title,
          values: numbers.map((value) => (Number.isFinite(value) ? value : null)),
          mean: usable.length === 0 ? null : mean(usable),
          deviation: usable.length < 2 ? null : standardDeviation(usable),
        },
      ];
    }),
  );
}
