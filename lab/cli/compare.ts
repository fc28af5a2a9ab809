/** `compare`: tables of runs and groups side by side, each with how its numbers came about. */

import { type ComparedMetric, type Comparison, compare, type Difference } from '../compare.ts';
import type { Lab } from '../lab.ts';
import type { Interval } from '../statistics.ts';
import { print, printJson, table } from './output.ts';
import { figure } from './runs.ts';

const range = (interval: Interval | null): string =>
  interval === null ? '-' : `${figure(interval.low)} .. ${figure(interval.high)}`;

/** A column that is called by a number alone would come before all others. */
const headOf = (side: string): string => (/^\d+$/.test(side) ? `run ${side}` : side);

/** @throws UsageError when there is nothing to compare. */
export function showComparison(
  lab: Lab,
  words: readonly string[],
  metric: ComparedMetric,
  json: boolean,
): void {
  const found = compare(lab.store, words, metric);
  if (json) printJson(found);
  else printComparison(found);
}

function printComparison({
  metric,
  runs,
  sides,
  differences,
  configuration,
  protocol,
  notes,
}: Comparison): void {
  print(
    table(
      runs.map((run) => ({
        side: run.side,
        run: run.run,
        seed: run.seed,
        steps: run.trainedSteps,
        episodes: run.episodes,
        success: figure(run.success),
        '95 % interval': range(run.interval),
        return: figure(run.return),
        progress: figure(run.progress),
      })),
    ),
  );
  print(`Protocol: ${protocol.runs}.`);
  print();
  print(
    table(
      sides.map((side) => ({
        side: side.side,
        name: side.name,
        seeds: side.seeds.length,
        success: `${figure(side.success)} (${range(side.interval)})`,
        [`mean ${metric}`]: figure(side.mean),
        deviation: figure(side.deviation),
        IQM: figure(side.iqm),
        '95 % of IQM': side.iqmInterval === null ? 'not measurable' : range(side.iqmInterval),
        curve: side.curve === null ? 'not measurable' : figure(side.curve.mean),
      })),
    ),
  );
  print(`Protocol: ${protocol.sides}.`);
  print();
  print(table(differences.map((difference) => differenceRow(metric, difference))));
  print(`Protocol: ${protocol.differences}.`);
  for (const { side, against, of, why } of differences) print(`${side} and ${against}, ${of}: ${why}.`);
  print();
  if (configuration.length === 0) print('All settings are the same.');
  else {
    print(
      table(
        configuration.map(({ field, values }) => ({
          'set otherwise': field,
          ...Object.fromEntries(sides.map(({ side }, i) => [headOf(side), values[i]!])),
        })),
      ),
    );
  }
  for (const line of notes) print(`Note: ${line}.`);
}

function differenceRow(metric: ComparedMetric, row: Difference): Record<string, string> {
  return {
    compared: `${row.side} - ${row.against}`,
    of: row.of,
    [metric]: figure(row.difference),
    '95 % interval': range(row.interval),
    p: figure(row.p),
    test: row.test,
    'better / worse / equal':
      row.pairs === null ? '-' : `${row.pairs.wins} / ${row.pairs.losses} / ${row.pairs.ties}`,
    'probability of improvement':
      row.improvement === null
        ? '-'
        : `${figure(row.improvement.probability)} (${range(row.improvement.interval)})`,
    curve: row.curve === null ? '-' : `${figure(row.curve.difference)} (${range(row.curve.interval)})`,
    verdict: row.verdict,
  };
}
