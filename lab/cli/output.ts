/** How the command line speaks: results on stdout (one JSON object with `--json`), everything else on stderr. */

import { MultiBar, type SingleBar } from 'cli-progress';
import type { Run } from '../api.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** The bars that stand on the terminal now. */
let terminal: MultiBar | undefined;

export function note(line: string): void {
  // Above the bars, which are drawn anew.
  if (terminal !== undefined) terminal.log(`${line}\n`);
  else process.stderr.write(`${line}\n`);
}

/** Names come from recipes: whatever would move the cursor is shown as a blank. */
const plain = (cell: string | number): string => String(cell).replaceAll(/\p{Cc}/gu, ' ');

/** Columns padded to their widest cell; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const first = rows[0];
  if (first === undefined) return '';
  const names = Object.keys(first);
  const widths = names.map((name) =>
    Math.max(name.length, ...rows.map((row) => plain(row[name] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, i) =>
        typeof cell === 'number' ? plain(cell).padStart(widths[i]!) : plain(cell).padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd();
  return [line(names), ...rows.map((row) => line(names.map((name) => row[name] ?? '')))].join('\n');
}

const short = (value: number): string =>
  value >= 1e6
    ? `${(value / 1e6).toFixed(2)}M`
    : value >= 1e4
      ? `${(value / 1e3).toFixed(0)}k`
      : value.toFixed(0);

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
}

export const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

/** Progress of runs on stderr: a bar each on a terminal, else a plain line every few seconds and at each new phase. */
export class Progress {
  readonly #labels: ReadonlyMap<number, string>;
  readonly #bars = new Map<number, SingleBar>();
  readonly #lines = new Map<number, { phase: string; at: number }>();
  #terminal: MultiBar | undefined;

  /** `labels`: what stands before each run's line, by its id. Other runs are not shown. */
  constructor(labels: ReadonlyMap<number, string>) {
    this.#labels = labels;
    if (!process.stderr.isTTY) return;
    this.#terminal = terminal = new MultiBar({
      format: '{label}{phase} [{bar}] {percentage}%  {count}  {speed}  {eta_text}',
      stream: process.stderr,
      hideCursor: true,
      barsize: 24,
      clearOnComplete: false,
      fps: 8,
    });
  }

  show(run: Run): void {
    const label = this.#labels.get(run.id);
    if (label === undefined) return;
    const count = run.total > 1 ? `${short(run.done)}/${short(run.total)} ${run.unit}` : '';
    const speed = run.stepsPerSecond === null ? '' : `${short(run.stepsPerSecond)} ${run.unit}/s`;
    const eta = run.etaSeconds === null ? '' : `ETA ${duration(run.etaSeconds)}`;
    if (this.#terminal !== undefined) {
      const total = Math.max(1, run.total);
      const payload = { label, phase: run.phase, count, speed, eta_text: eta };
      const bar = this.#bars.get(run.id) ?? this.#terminal.create(total, 0, payload);
      this.#bars.set(run.id, bar);
      bar.setTotal(total);
      bar.update(Math.min(run.done, total), payload);
      return;
    }
    const last = this.#lines.get(run.id);
    const at = Date.now();
    if (last?.phase === run.phase && at - last.at < 5000) return;
    this.#lines.set(run.id, { phase: run.phase, at });
    note([`${label}${run.phase}`, count, speed, eta].filter((part) => part !== '').join('  '));
  }

  stop(): void {
    this.#terminal?.stop();
    terminal = undefined;
  }
}
