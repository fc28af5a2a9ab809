/** `rollout`: given actions from a given start, and everything the task says about each step. */

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBatch } from '../../sim/batch.ts';
import { hashNumbers } from '../../sim/engine/hash.ts';
import type { TaskModel } from '../../sim/env.ts';
import { messageOf, UsageError } from '../errors.ts';
import { historyOf } from '../history.ts';

/** One entry a step. */
export interface Rolled {
  readonly observations: number[][];
  /** Gymnasium's own vector where the task has a twin there, else the whole row. */
  readonly states: number[][];
  /** The task's dense terms by weight: Gymnasium's reward where the task has a twin there. */
  readonly rewards: number[];
  readonly terminated: boolean[];
  readonly truncated: boolean[];
  /** 64-bit hash of the whole row, as hex. */
  readonly hash: string[];
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError([`${where}: no valid JSON: ${messageOf(error)}`]);
  }
}

const show = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 60);

/** @throws UsageError unless `value` is a list of finite numbers. */
function numbers(value: unknown, where: string): number[] {
  if (!Array.isArray(value))
    throw new UsageError([`${where}: found ${show(value)}, wanted a list of numbers`]);
  for (const [i, item] of value.entries()) {
    if (typeof item !== 'number' || !Number.isFinite(item)) {
      const found = typeof item === 'number' ? String(item) : show(item);
      throw new UsageError([`${where}[${i}]: found ${found}, wanted a finite number`]);
    }
  }
  return value as number[];
}

/** A list with one entry a step: a list of numbers, or the number itself where an action is one. @throws UsageError */
function actionRows(model: TaskModel, file: string): Float64Array[] {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError([`--actions ${file}: ${messageOf(error)}`]);
  }
  const rows = parse(text, `--actions ${file}`);
  if (!Array.isArray(rows)) {
    throw new UsageError([`--actions ${file}: found ${show(rows)}, wanted a list with one action a step`]);
  }
  const { dim } = model.actionSpace;
  return rows.map((row: unknown, t) => {
    const where = `--actions ${file}: action ${t}`;
    const action = numbers(dim === 1 && !Array.isArray(row) ? [row] : row, where);
    if (action.length !== dim) {
      throw new UsageError([`${where}: found ${action.length} numbers, wanted ${dim}`]);
    }
    return Float64Array.from(action);
  });
}

/**
 * A state is a list of numbers: the row, or Gymnasium's vector where the task has a twin there. In `{ task, version,
 * state }` it says what it belongs to. Writes the whole row. @throws UsageError
 */
function startRow(model: TaskModel, text: string): Float64Array {
  let value = parse(text, '--state');
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const { task, version, state, ...others } = value as Record<string, unknown>;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) {
      throw new UsageError([`--state: found the key ${show(unknown)}, wanted task, version and state`]);
    }
    if (task !== model.id) {
      throw new UsageError([`--state: found a state of task ${show(task)}, wanted one of "${model.id}"`]);
    }
    if (version !== model.version) {
      throw new UsageError([
        `--state: found a state of ${model.id} version ${show(version)}, wanted version ${model.version}`,
      ]);
    }
    value = state;
  }
  const row = Float64Array.from(numbers(value, '--state'));
  if (model.gymnasium === undefined || row.length === model.stateDim) return row;
  const whole = new Float64Array(model.stateDim);
  model.gymnasium.start(row, whole, 0);
  return whole;
}

/** @throws Error that says at which step, which number, and where the states before it are. */
function reportDivergence(model: TaskModel, history: readonly Float64Array[], step: number): never {
  const report = historyOf(model, history, step);
  const file = join(mkdtempSync(join(tmpdir(), 'reward-lab-')), `${model.id}-diverged.json`);
  writeFileSync(file, `${JSON.stringify(report)}\n`);
  throw new Error(
    `Step ${step}: the state of ${model.id} became non-finite or exploded (${report.broken}); its last ${history.length} states are in ${file}`,
  );
}

/** Steps on where an episode has ended, as the environment does: who wants a new one starts a new one. @throws UsageError */
export function rollOut(
  model: TaskModel,
  {
    file,
    start,
  }: { readonly file: string; readonly start: { readonly seed: number } | { readonly state: string } },
): Rolled {
  const actions = actionRows(model, file);
  const batch = createBatch(model, 1);
  if ('seed' in start) batch.reset(0, start.seed);
  else {
    try {
      batch.restoreState(0, startRow(model, start.state));
    } catch (error) {
      throw error instanceof UsageError ? error : new UsageError([`--state: ${messageOf(error)}`]);
    }
  }
  const [from, to] = model.gymnasium ? [1, 1 + model.gymnasium.vector.length] : [0, model.stateDim];
  const terms = new Float64Array(model.rewardTerms.length);
  const out: Rolled = { observations: [], states: [], rewards: [], terminated: [], truncated: [], hash: [] };
  for (const [t, action] of actions.entries()) {
    try {
      batch.step(action);
    } catch (error) {
      throw new UsageError([`--actions ${file}: action ${t}: ${messageOf(error)}`]);
    }
    if (batch.diverged[0] === 1) reportDivergence(model, batch.history(0), t + 1);
    model.reward(batch.previousStates, 0, action, 0, batch.states, 0, terms, 0);
    out.observations.push([...batch.observations]);
    out.states.push([...batch.states.subarray(from, to)]);
    out.rewards.push(
      model.rewardTerms.reduce(
        (sum, term, k) => (term.kind === 'dense' ? sum + term.weight * terms[k]! : sum),
        0,
      ),
    );
    out.terminated.push(batch.terminated[0] === 1);
    out.truncated.push(batch.truncated[0] === 1);
    out.hash.push(hashNumbers(batch.states));
  }
  return out;
}
