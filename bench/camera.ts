/**
 * Camera images a second, on one thread: `npm run bench -- camera [--json]`. An image is colour, depth and ids of one
 * view of one world. Worlds follow the expert, so that what moves differs from image to image; only `render` is timed.
 * `fixed` views keep their furniture between images, `carried` ones draw it anew each time.
 */

import { createBatch } from '../sim/batch.ts';
import { createCamera, viewsOf } from '../sim/camera.ts';
import type { Task } from '../sim/env.ts';
import { defaultsOf } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';

interface Row {
  readonly task: string;
  readonly view: string;
  readonly size: number;
  readonly camera: 'fixed' | 'carried';
  readonly bodies: number;
  /** Medians of the rounds: by the clock, and by the time that this thread had a core. */
  readonly imagesPerSecond: number;
  readonly imagesPerCpuSecond: number;
}

const median = (values: readonly number[]): number =>
  Math.round([...values].sort((a, b) => a - b)[values.length >> 1]!);

const worlds = 16;
const rounds = 5;
/** Seconds a round. */
const roundTime = 0.15;

function measure(task: Task, views: readonly string[] | null, sizes: readonly number[]): Row[] {
  const model = task.create(defaultsOf(task.fields));
  const batch = createBatch(model, worlds);
  const dim = model.actionSpace.dim;
  const actions = new Float64Array(worlds * dim);
  // Different moments of different episodes.
  for (let step = 0; step < 40; step++) {
    for (let w = 0; w < worlds; w++) {
      if (step < w * 2) model.expert(batch.states, w * model.stateDim, actions, w * dim);
    }
    batch.step(actions);
  }
  return viewsOf(model)
    .filter(({ name }) => views === null || views.includes(name))
    .flatMap(({ name, body }) =>
      sizes.map((size): Row => {
        const camera = createCamera(model, { views: [name], settings: { width: size, height: size } });
        const pictures = camera.pictures(worlds);
        const rates: number[] = [];
        const cpuRates: number[] = [];
        // The first round warms the compiler up.
        for (let round = 0; round <= rounds; round++) {
          const start = performance.now();
          const cpu = process.threadCpuUsage();
          let images = 0;
          let seconds = 0;
          while (seconds < roundTime) {
            camera.render(batch.states, 0, worlds, pictures);
            images += worlds;
            seconds = (performance.now() - start) / 1000;
          }
          const { user, system } = process.threadCpuUsage(cpu);
          if (round === 0) continue;
          rates.push(images / seconds);
          cpuRates.push(images / ((user + system) / 1e6));
        }
        return {
          task: task.id,
          view: name,
          size,
          camera: body === undefined ? 'fixed' : 'carried',
          bodies: model.bodies.length,
          imagesPerSecond: median(rates),
          imagesPerCpuSecond: median(cpuRates),
        };
      }),
    );
}

const rows = Object.values(tasks).flatMap((task: Task) =>
  task.id === 'push' ? measure(task, null, [32, 64, 128]) : measure(task, ['front'], [64]),
);
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ node: process.version, rows }));
} else {
  for (const { task, view, size, camera, bodies, imagesPerSecond, imagesPerCpuSecond } of rows) {
    console.log(
      `${task.padEnd(24)} ${view.padEnd(8)} ${String(size).padStart(3)} px  ${camera.padEnd(7)}  ${String(bodies).padStart(4)} bodies  ${imagesPerSecond.toLocaleString('en').padStart(8)} images/s  ${imagesPerCpuSecond.toLocaleString('en').padStart(8)} a CPU second`,
    );
  }
}
