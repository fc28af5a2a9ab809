/** `metrics`: what the database has of a run's metrics, for people and for other programs. */

import type { Lab } from '../lab.ts';
import { print, printJson, table } from './output.ts';

export type MetricsFormat = 'table' | 'json' | 'jsonl' | 'csv';

/** All rows; the store thins out only above this. */
const everything = Number.MAX_SAFE_INTEGER;

/** @throws UsageError when there is no such run. */
export function showMetrics(lab: Lab, id: number, format: MetricsFormat): void {
  const { name, seed } = lab.find(id);
  const { steps, values } = lab.store.metrics.series(id, { maxPoints: everything });
  const columns = [...values];
  switch (format) {
    case 'json':
      return printJson({
        run: id,
        name,
        seed,
        steps: [...steps],
        values: Object.fromEntries(columns.map(([path, series]) => [path, Array.from(series, orNull)])),
      });
    case 'jsonl':
      for (const [i, step] of steps.entries()) {
        const there = columns.filter(([, series]) => !Number.isNaN(series[i]));
        printJson({
          run: id,
          seed,
          step,
          ...Object.fromEntries(there.map(([path, series]) => [path, series[i]])),
        });
      }
      return;
    case 'csv':
      print(['step', ...columns.map(([path]) => quoted(path))].join(','));
      for (const [i, step] of steps.entries()) {
        print([step, ...columns.map(([, series]) => orNull(series[i]!) ?? '')].join(','));
      }
      return;
    case 'table': {
      if (columns.length === 0) return print(`Run ${id} has no metrics.`);
      const rows = columns.map(([path, series]) => {
        const there = [...series].filter((value) => !Number.isNaN(value));
        return {
          metric: path,
          rows: there.length,
          first: short(there[0]),
          last: short(there.at(-1)),
          lowest: short(there.reduce((low, value) => Math.min(low, value), Infinity)),
          highest: short(there.reduce((high, value) => Math.max(high, value), -Infinity)),
        };
      });
      print(table(rows));
      print(`${steps.length} rows up to step ${steps.at(-1)}; docs/metrics.md says what they mean`);
    }
  }
}

/** There is no NaN in JSON, and none in a table of numbers. */
const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const short = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? '' : String(Number(value.toPrecision(5)));
