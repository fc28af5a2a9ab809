/**
 * The metrics of a training run as files that other programs can follow: TensorBoard's event files, and JSON lines. The
 * database has them all besides; these files are for reading elsewhere and may be deleted.
 */

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { encodeRecord, openingEvents } from '../store/formats/tensorboard.ts';

/** Where somebody asked for them to be; `true`: at their place in the project. */
export interface MetricFileChoice {
  /** The folder of all runs. */
  readonly tensorboard?: string | true;
  readonly jsonl?: string | true;
}

export interface MetricFilesOptions extends MetricFileChoice {
  readonly project: string;
  readonly run: number;
  readonly name: string;
  readonly seed: number;
  /** Last step that stays from an earlier life of the run; -1 for none. What was written after it is done again. */
  readonly from: number;
  /** Shown in TensorBoard under Text. */
  readonly settings: Readonly<Record<string, unknown>>;
}

type Values = Readonly<Record<string, number>>;

/** Names come from recipes: what a file system may not like becomes a dash. */
const plain = (name: string): string =>
  name
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
    .slice(0, 80)
    .replace(/-+$/, '');

const seconds = (): number => Date.now() / 1000;

export class MetricFiles {
  /** Of the event file of this life of the run, and of the JSON lines; null where nobody asked. */
  readonly eventFile: string | null;
  readonly jsonlFile: string | null;
  readonly #options: MetricFilesOptions;

  /** @throws Error when a folder or file cannot be written. */
  constructor(options: MetricFilesOptions) {
    const { project, run, name, tensorboard, jsonl } = options;
    this.#options = options;
    const folder = `${plain(name)}-${run}`;
    this.eventFile =
      tensorboard === undefined
        ? null
        : this.#beginEvents(
            join(tensorboard === true ? join(project, 'tensorboard') : resolve(tensorboard), folder),
          );
    this.jsonlFile =
      jsonl === undefined
        ? null
        : jsonl === true
          ? join(project, 'metrics', `${folder}.jsonl`)
          : resolve(jsonl);
    if (this.jsonlFile !== null) this.#beginLines(this.jsonlFile);
  }

  /** A file of its own for each life of the run; readers take them in the order of their names. */
  #beginEvents(folder: string): string {
    const { from, settings } = this.#options;
    mkdirSync(folder, { recursive: true });
    const before = readdirSync(folder).flatMap((file) => {
      const [, second, count] = /^events\.out\.tfevents\.(\d{10})\..*\.(\d{4})$/.exec(file) ?? [];
      return second === undefined ? [] : [{ second: Number(second), count: Number(count) }];
    });
    // A clock that was set back must not put the new file in front of the old ones.
    const second = Math.max(Math.floor(seconds()), ...before.map((file) => file.second));
    const count = String(Math.max(-1, ...before.map((file) => file.count)) + 1).padStart(4, '0');
    const file = join(folder, `events.out.tfevents.${second}.${plain(hostname())}.${count}`);
    const begin = openingEvents(seconds(), from + 1);
    if (from < 0) begin.push({ wallTime: seconds(), step: 0, texts: { settings: tableOf(settings) } });
    appendFileSync(file, Buffer.concat(begin.map(encodeRecord)));
    return file;
  }

  /** Takes out the lines that this run will write again, and one that a kill cut short. */
  #beginLines(file: string): void {
    mkdirSync(dirname(file), { recursive: true });
    if (!existsSync(file)) return appendFileSync(file, '');
    const { run, from } = this.#options;
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const stays = lines.filter((line) => {
      const read = readLine(line);
      return read === undefined || read['run'] !== run || !((read['step'] as number) > from);
    });
    // Another run of this process may be writing to it: it opens the file anew for every line.
    writeFileSync(`${file}.new`, stays.map((line) => `${line}\n`).join(''));
    renameSync(`${file}.new`, file);
  }

  /** One message of metrics, on the disk when this returns. @throws Error when the disk is full or the file is gone. */
  write(step: number, values: Values): void {
    const { run, seed } = this.#options;
    const time = seconds();
    if (this.eventFile !== null)
      appendFileSync(this.eventFile, encodeRecord({ wallTime: time, step, scalars: values }));
    if (this.jsonlFile !== null)
      appendFileSync(this.jsonlFile, `${JSON.stringify({ run, seed, step, time, ...values })}\n`);
  }
}

/** Lines of others are left as they are. */
function readLine(line: string): Record<string, unknown> | undefined {
  try {
    const read: unknown = JSON.parse(line);
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Settings as a table in Markdown, nested ones by path. */
function tableOf(settings: Readonly<Record<string, unknown>>): string {
  const rows: string[] = [];
  const add = (path: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) {
      rows.push(`| ${path} | ${String(value).replaceAll('|', '\\|')} |`);
      return;
    }
    for (const [key, part] of Object.entries(value)) add(path === '' ? key : `${path}.${key}`, part);
  };
  add('', settings);
  return ['| setting | value |', '|---|---|', ...rows].join('\n');
}
