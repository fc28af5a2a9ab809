/** `eval-reward` and `model`: which reward model can be trusted on a task, and the card of a stored one. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Measure } from '../../learn/diagnostics/measure.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { openStore, type Store, StoreBusyError, StoreReadOnlyError } from '../../store/index.ts';
import { modelCard } from '../model-card.ts';
import type { EpisodeScoreOf, Retraining, RewardEvaluation } from '../reward-evaluation.ts';
import {
  type EvaluationAsk,
  evaluationRequest,
  runRewardEvaluation,
  storedNamed,
} from '../reward-evaluation-run.ts';
import type { RewardTable } from '../reward-tables.ts';
import { type Common, stoppable } from './options.ts';
import { duration, note, print, printJson, table } from './output.ts';
import { figure } from './runs.ts';

export interface EvalRewardFlags {
  readonly task: string;
  readonly models: string;
  readonly episodes?: number;
  readonly stride?: number;
  readonly demonstrations?: number;
  readonly failures?: number;
  readonly run?: number;
  readonly retrain?: number;
  readonly retrainUse: Retraining['use'];
  readonly retrainSeeds: number;
}

/** Exit code: 130 when stopped. A bad verdict is a result, not an error. */
export async function showEvaluation(
  project: string,
  flags: EvalRewardFlags,
  taskSettings: AnySettings,
  { seed, json = false, threads }: Pick<Common, 'seed' | 'json' | 'threads'>,
): Promise<number> {
  const ask: EvaluationAsk = {
    task: flags.task,
    models: flags.models,
    taskSettings,
    seed,
    episodes: flags.episodes,
    stride: flags.stride,
    demonstrations: flags.demonstrations,
    failures: flags.failures,
    run: flags.run,
    retrain:
      flags.retrain === undefined
        ? null
        : { steps: flags.retrain, use: flags.retrainUse, seeds: flags.retrainSeeds },
  };
  const isThere = existsSync(join(project, 'lab.db'));
  // Reading is enough, so it works beside a running lab.
  const store = isThere ? openStore(project, { mode: 'read' }) : null;
  const request = (() => {
    try {
      return evaluationRequest(store, ask);
    } finally {
      store?.close();
    }
  })();
  const scores: EpisodeScoreOf[] = [];
  return stoppable('an evaluation', json, async (signal) => {
    const evaluation = await runRewardEvaluation(request, {
      signal,
      threads,
      onProgress: (part, done, total) => note(`${done + 1}/${total}  ${part}`),
      onScore: (score) => scores.push(score),
      project: isThere ? project : null,
    });
    cache(project, scores);
    if (json) printJson(evaluation);
    else printEvaluation(evaluation);
  });
}

/** Scores are only a cache: where another process writes, or nobody may, they are computed again next time. */
function cache(project: string, scores: readonly EpisodeScoreOf[]): void {
  if (scores.length === 0) return;
  let store: Store;
  try {
    store = openStore(project, { mode: 'write', create: false });
  } catch (error) {
    if (error instanceof StoreBusyError || error instanceof StoreReadOnlyError) return;
    throw error;
  }
  try {
    for (const { episode, hash, perStep } of scores) store.scores.put(episode, hash, perStep);
  } finally {
    store.close();
  }
}

/** What an interval leaves of the digits is mostly less. */
const short = (value: number): string => String(Number(value.toFixed(3)) + 0);

/** A number and its interval, or a mark for the reason below. */
function cell({ value, interval, reason }: Measure, reasons: string[]): string {
  if (value !== null)
    return interval === null
      ? short(value)
      : `${short(value)} (${short(interval.low)} .. ${short(interval.high)})`;
  const why = reason ?? 'unknown';
  if (!reasons.includes(why)) reasons.push(why);
  return `not measurable [${reasons.indexOf(why) + 1}]`;
}

const wanted = {
  higher: 'higher is better',
  lower: 'lower is better',
  zero: '0 is best',
  one: '1 is best',
  none: '',
} as const;

function printTable({ title, columns, rows, protocol }: RewardTable, command: string): void {
  const reasons: string[] = [];
  print(`${title}:`);
  print(
    table(
      rows.map(({ model, cells }) => ({
        model,
        ...Object.fromEntries(columns.map((column) => [column.title, cell(cells[column.id]!, reasons)])),
      })),
    ),
  );
  for (const { title: name, help, better } of columns)
    print(`  ${name}: ${help}${wanted[better] === '' ? '' : ` (${wanted[better]})`}.`);
  for (const [i, reason] of reasons.entries()) print(`  [${i + 1}] ${reason}.`);
  print(`Protocol: ${protocol}.`);
  print(`Again: ${command}`);
  print();
}

function printEvaluation({
  task,
  models,
  tables,
  verdicts,
  answer,
  protocol,
  command,
  seconds,
}: RewardEvaluation): void {
  for (const one of tables) printTable(one, command);
  print(
    table(
      models.map(({ key, source, hash, fitSeconds, senses, failed }) => ({
        model: key,
        source,
        hash: hash ?? '-',
        fitted: fitSeconds === null ? '-' : duration(fitSeconds),
        senses: senses.join(' '),
        failed: failed ?? '',
      })),
    ),
  );
  print(`Protocol: ${protocol}.`);
  print();
  for (const { model, verdict, why } of verdicts) {
    print(`${model}: ${verdict}`);
    for (const line of why) print(`  ${line}`);
  }
  print();
  print(`On ${task} (${duration(seconds)}): ${answer}`);
}

/** @throws UsageError when no model is called so. */
export function showModel(store: Store, word: string, json: boolean): void {
  const card = modelCard(store, storedNamed(store.models.list(), word).id);
  if (json) return printJson(card);
  const { data, fit, evaluation } = card;
  print(`Model ${card.id}: ${card.title}, ${card.task}`);
  print(`  hash      ${card.hash}, ${card.bytes} bytes`);
  print(`  source    ${card.source}`);
  print(
    `  fitted    ${new Date(card.createdAt).toISOString()} by run ${fit.run}, seed ${fit.seed}, Reward Lab ${card.versions['rewardLab'] ?? 'unknown'}`,
  );
  print(
    `  data      run ${data.run} (${data.name}): ${data.demonstrations} demonstrations, ${data.succeeded} of them succeeded, ${data.failures} failures; hash ${data.hash}`,
  );
  print(`  senses    ${card.senses.join(', ')}${card.causal ? '' : '; looks ahead, offline only'}`);
  print(`  stages    ${card.stages.join(', ')}`);
  if (card.learnedFrom !== null) print(`  asked     ${card.learnedFrom}`);
  print(
    `  used by   ${card.usedBy.length === 0 ? 'no run' : card.usedBy.map((id) => `run ${id}`).join(', ')}`,
  );
  print();
  print(table(Object.entries(card.settings).map(([setting, value]) => ({ setting, value: String(value) }))));
  print();
  print(
    table(
      Object.entries(fit.metrics).map(([metric, value]) => ({
        'measure of the fit': metric,
        value: figure(value),
      })),
    ),
  );
  print();
  if (evaluation === null) {
    print(`Not judged yet: npm run -s lab -- eval-reward --task ${card.task} --models ${card.id}`);
    return;
  }
  print(`Judged ${new Date(evaluation.at).toISOString()}: ${evaluation.verdict}`);
  for (const line of evaluation.why) print(`  ${line}`);
  for (const { title, cells, baselines, protocol } of evaluation.tables) {
    const reasons: string[] = [];
    print();
    print(`${title}:`);
    print(
      table(
        Object.keys(cells).map((measure) => ({
          measure,
          'this model': cell(cells[measure]!, reasons),
          ...Object.fromEntries(
            Object.entries(baselines).map(([key, theirs]) => [key, cell(theirs[measure]!, reasons)]),
          ),
        })),
      ),
    );
    for (const [i, reason] of reasons.entries()) print(`  [${i + 1}] ${reason}.`);
    print(`Protocol: ${protocol}.`);
  }
  print(`Again: ${evaluation.command}`);
}
