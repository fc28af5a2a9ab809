/**
 * The card of a stored reward model: what it is, what it was fitted on, how good it was found to be. What the last `eval-reward`
 * measured lies in `evaluations/<model hash>.json` beside the database, written whole or not at all; deleting it loses nothing
 * that cannot be measured again.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measure } from '../learn/diagnostics/measure.ts';
import type { ModelRow, Store } from '../store/types.ts';
import { messageOf } from './errors.ts';
import { learnedReward } from './registry.ts';
import type { RewardEvaluation } from './reward-evaluation.ts';

/** What one evaluation said of one model. */
export interface KeptEvaluation {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly version: string;
  readonly command: string;
  readonly protocol: string;
  readonly verdict: string;
  readonly why: readonly string[];
  readonly tables: readonly {
    readonly id: string;
    readonly title: string;
    readonly protocol: string;
    readonly cells: Readonly<Record<string, Measure>>;
    /** The same of each counter-baseline. */
    readonly baselines: Readonly<Record<string, Readonly<Record<string, Measure>>>>;
  }[];
}

export interface ModelCard {
  readonly id: number;
  readonly hash: string;
  readonly method: string;
  readonly title: string;
  /** Paper. */
  readonly source: string;
  readonly task: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  /** Versions of app, Node and platform that fitted it. */
  readonly versions: Readonly<Record<string, string>>;
  /** False: it looks ahead, and is refused as an online reward. */
  readonly causal: boolean;
  readonly senses: readonly string[];
  readonly stages: readonly string[];
  /** A user's model (name and server) whose answers it was fitted by; null where none was asked. */
  readonly learnedFrom: string | null;
  readonly bytes: number;
  readonly data: {
    /** The collect run. */
    readonly run: number;
    readonly name: string;
    readonly demonstrations: number;
    readonly succeeded: number;
    readonly failures: number;
    /** First 64 bits of SHA-256 over the checksums of the episodes in the order of their ids, hex: the same data, the same hash. */
    readonly hash: string;
  };
  /** Measures of the fit. */
  readonly fit: {
    readonly run: number;
    readonly seed: number;
    readonly metrics: Readonly<Record<string, number>>;
  };
  /** Training runs that are paid by it. */
  readonly usedBy: readonly number[];
  /** The last `eval-reward` that it was part of; null where there is none. */
  readonly evaluation: KeptEvaluation | null;
}

const folderOf = (project: string): string => join(project, 'evaluations');
const fileOf = (project: string, hash: string): string => join(folderOf(project), `${hash}.json`);

/** Keeps what was found of every stored model. */
export function keepEvaluation(project: string, evaluation: RewardEvaluation): void {
  const { models, tables, verdicts, version, command, protocol } = evaluation;
  const baselines = models.filter((one) => one.baseline && one.failed === null);
  for (const { key, source, hash, failed } of models) {
    if (source !== 'stored' || hash === null || failed !== null) continue;
    const verdict = verdicts.find(({ model }) => model === key)!;
    const kept: KeptEvaluation = {
      at: Date.now(),
      version,
      command,
      protocol,
      verdict: verdict.verdict,
      why: verdict.why,
      tables: tables.flatMap(({ id, title, rows, protocol: how }) => {
        const cellsOf = (model: string) => rows.find((row) => row.model === model)?.cells;
        const cells = cellsOf(key);
        if (cells === undefined) return [];
        return [
          {
            id,
            title,
            protocol: how,
            cells,
            baselines: Object.fromEntries(
              baselines.flatMap((one) => {
                const theirs = cellsOf(one.key);
                return theirs === undefined ? [] : [[one.key, theirs]];
              }),
            ),
          },
        ];
      }),
    };
    mkdirSync(folderOf(project), { recursive: true });
    const file = fileOf(project, hash);
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(kept));
    renameSync(`${file}.${process.pid}`, file);
  }
}

function keptOf(project: string, hash: string): KeptEvaluation | null {
  const file = fileOf(project, hash);
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KeptEvaluation;
  } catch (error) {
    throw new Error(
      `${file}: what was measured of this model cannot be read (${messageOf(error)}); delete it and judge anew`,
    );
  }
}

/** @throws RangeError when there is no such model, or its method is not in this version. */
export function modelCard(store: Store, id: number): ModelCard {
  const row: ModelRow = store.models.get(id);
  const method = learnedReward(row.method, `model ${id}`);
  const run = store.runs.get(row.runId);
  const bytes = store.models.bytes(id);
  const { senses, stages, learnedFrom } = method.load(bytes);
  const from = run.config['demonstrations'] as number;
  const ids = (kind: 'demonstration' | 'failure'): number[] => store.episodes.ids({ runId: from, kind });
  const [demonstrations, failures] = [ids('demonstration'), ids('failure')];
  const me = `model:${id}`;
  return {
    id,
    hash: row.hash,
    method: row.method,
    title: method.title,
    source: method.source,
    task: row.task,
    settings: row.settings,
    createdAt: row.createdAt,
    versions: run.versions,
    causal: method.causal,
    senses,
    stages,
    learnedFrom: learnedFrom ?? null,
    bytes: bytes.length,
    data: {
      run: from,
      name: store.runs.get(from).name,
      demonstrations: demonstrations.length,
      succeeded: store.episodes.ids({ runId: from, kind: 'demonstration', success: true }).length,
      failures: failures.length,
      hash: dataHash(store, [...demonstrations, ...failures]),
    },
    fit: { run: row.runId, seed: run.seed, metrics: row.metrics },
    usedBy: store.lineage
      .around(me)
      .filter(({ from: start, role }) => start === me && role.startsWith('reward/'))
      .map(({ to }) => Number(to.slice('run:'.length))),
    evaluation: keptOf(store.directory, row.hash),
  };
}

function dataHash(store: Store, ids: readonly number[]): string {
  const hash = createHash('sha256');
  for (const id of [...ids].sort((a, b) => a - b)) hash.update(store.episodes.get(id).checksum);
  return hash.digest('hex').slice(0, 16);
}
