/**
 * Control steps a second of every task for N worlds on one thread: `npm run bench -- sim [--json]`. Worlds follow noisy
 * experts recorded beforehand, so that there is as much contact as in training on a good policy; only `step` is timed.
 */

import { createBatch } from '../sim/batch.ts';
import { createRandom } from '../sim/engine/random.ts';
import type { Task } from '../sim/env.ts';
import { defaultsOf } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';

interface Row {
  readonly task: string;
  readonly worlds: number;
  /** Median of the rounds. */
  readonly controlStepsPerSecond: number;
  readonly physicsStepsPerSecond: number;
  readonly bytesPerWorld: number;
}

const rounds = 5;

function measure(task: Task, worlds: number): Row {
  const model = task.create(defaultsOf(task.fields));
  const batch = createBatch(model, worlds);
  const random = createRandom(1);
  const dim = model.actionSpace.dim;
  const script = Array.from({ length: model.horizon }, () => {
    const actions = new Float64Array(worlds * dim);
    for (let w = 0; w < worlds; w++) model.expert(batch.states, w * model.stateDim, actions, w * dim);
    for (let i = 0; i < actions.length; i++) {
      const { actionSpace } = model;
      if (actionSpace.type === 'box') actions[i]! += 0.4 * actionSpace.high[i % dim]! * random.uniform(-1, 1);
      else if (random.uniform() < 0.4) actions[i] = random.integer(actionSpace.n);
    }
    batch.step(actions);
    return actions;
  });
  const repeats = Math.max(1, Math.ceil(20_000 / (worlds * model.horizon)));
  const rates: number[] = [];
  // The first round warms the compiler up.
  for (let round = 0; round <= rounds; round++) {
    let seconds = 0;
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (let w = 0; w < worlds; w++) batch.reset(w, w);
      const start = performance.now();
      for (const actions of script) batch.step(actions);
      seconds += (performance.now() - start) / 1000;
    }
    if (round > 0) rates.push((repeats * script.length * worlds) / seconds);
  }
  rates.sort((a, b) => a - b);
  const rate = Math.round(rates[rates.length >> 1]!);
  return {
    task: task.id,
    worlds,
    controlStepsPerSecond: rate,
    physicsStepsPerSecond: rate * model.substeps,
    bytesPerWorld: model.stateDim * Float64Array.BYTES_PER_ELEMENT,
  };
}

const rows = Object.values(tasks).flatMap((task) => [1, 64, 1024].map((worlds) => measure(task, worlds)));
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ node: process.version, rows }));
} else {
  for (const row of rows) {
    console.log(
      `${row.task.padEnd(12)} ${String(row.worlds).padStart(5)} worlds  ${row.controlStepsPerSecond.toLocaleString('en').padStart(10)} control steps/s  ${row.bytesPerWorld} bytes a world`,
    );
  }
}
