/**
 * The last evaluation of reward models on each task, whole, so that a window shows it again after a reload. One file a task,
 * `evaluations/task-<task>.json` beside the database, written whole or not at all; deleting it loses nothing that cannot be measured again.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { KeptEvaluationInfo } from './api/evaluations.ts';
import { rewardEvaluationSchema } from './api.ts';
import { messageOf } from './errors.ts';
import type { RewardEvaluation } from './reward-evaluation.ts';

/** Of a file. An evaluation of ten models takes about 100 kB. */
const mostBytes = 8_000_000;

const folderOf = (project: string): string => join(project, 'evaluations');
const fileOf = (project: string, task: string): string => join(folderOf(project), `task-${task}.json`);

/** @throws Error when it is too large, or the folder cannot be written. */
export function keepWhole(project: string, evaluation: RewardEvaluation): void {
  // JSON has no NaN: a measure of a fit that is none is left out.
  const models = evaluation.models.map((model) => ({
    ...model,
    fitMetrics: Object.fromEntries(
      Object.entries(model.fitMetrics).filter(([, value]) => Number.isFinite(value)),
    ),
  }));
  const text = JSON.stringify({ at: Date.now(), evaluation: { ...evaluation, models } });
  if (text.length > mostBytes)
    throw new Error(`the evaluation takes ${text.length} bytes, at most ${mostBytes} are kept`);
  mkdirSync(folderOf(project), { recursive: true });
  const file = fileOf(project, evaluation.task);
  writeFileSync(`${file}.${process.pid}`, text);
  renameSync(`${file}.${process.pid}`, file);
}

/** Tasks with a kept evaluation and when it was made, newest first. */
export function keptTasks(project: string): { task: string; at: number }[] {
  if (!existsSync(folderOf(project))) return [];
  return readdirSync(folderOf(project))
    .flatMap((name) => {
      const task = /^task-([\w-]+)\.json$/.exec(name)?.[1];
      return task === undefined ? [] : [{ task, at: Math.round(statSync(fileOf(project, task)).mtimeMs) }];
    })
    .sort((a, b) => b.at - a.at);
}

/** Null where there is none. @throws Error naming the file when it cannot be read. */
export function keptEvaluation(project: string, task: string): KeptEvaluationInfo | null {
  if (!keptTasks(project).some((one) => one.task === task)) return null;
  const file = fileOf(project, task);
  try {
    const { at, evaluation } = JSON.parse(readFileSync(file, 'utf8')) as KeptEvaluationInfo;
    return { at, evaluation: rewardEvaluationSchema.parse(evaluation) };
  } catch (error) {
    throw new Error(
      `${file}: the last evaluation on ${task} cannot be read (${messageOf(error).slice(0, 200)}); delete it and judge anew`,
    );
  }
}
