/** How the command line speaks: results on stdout (one JSON object with `--json`), everything else on stderr. */

import { SingleBar } from 'cli-progress';
import type { Run } from '../api.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Columns padded to their widest cell; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const first = rows[0];
  if (first === undefined) return '';
  const names = Object.keys(first);
  const widths = names.map((name) =>
    Math.max(name.length, ...rows.map((row) => String(row[name] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, i) =>
        typeof cell === 'number' ? String(cell).padStart(widths[i]!) : cell.padEnd(widths[i]!),
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

/** Progress of one run on stderr: a bar on a terminal, else a plain line every few seconds. */
export class Progress {
  readonly #label: string;
  readonly #plain = !process.stderr.isTTY;
  #bar: SingleBar | undefined;
  #phase = '';
  #lastLine = 0;

  constructor(label = '') {
    this.#label = label === '' ? '' : `${label}: `;
  }

  show(run: Run): void {
    const speed = run.stepsPerSecond === null ? '' : `${short(run.stepsPerSecond)} ${run.unit}/s`;
    const eta = run.etaSeconds === null ? '' : `ETA ${duration(run.etaSeconds)}`;
    if (this.#plain) {
      const at = Date.now();
      if (run.phase === this.#phase && at - this.#lastLine < 5000) return;
      this.#phase = run.phase;
      this.#lastLine = at;
      const counted = run.total > 1 ? `${short(run.done)}/${short(run.total)} ${run.unit}` : '';
      note([`${this.#label}${run.phase}`, counted, speed, eta].filter((part) => part !== '').join('  '));
      return;
    }
    if (run.phase !== this.#phase) {
      this.#bar?.stop();
      this.#phase = run.phase;
      this.#bar = new SingleBar({
        format: `${this.#label}{phase} [{bar}] {percentage}%  {count}  {speed}  {eta_text}`,
        stream: process.stderr,
        hideCursor: true,
        barsize: 24,
        clearOnComplete: false,
        fps: 8,
      });
      this.#bar.start(Math.max(1, run.total), 0, { phase: run.phase, count: '', speed: '', eta_text: '' });
    }
    this.#bar?.setTotal(Math.max(1, run.total));
    this.#bar?.update(run.done, {
      phase: run.phase,
      count: `${short(run.done)}/${short(run.total)} ${run.unit}`,
      speed,
      eta_text: eta,
    });
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
