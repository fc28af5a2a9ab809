/** A long recorded run in this process; prints its memory as JSON. Arguments: steps, device. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lab } from '../../lab/lab.ts';
import type { DeviceChoice } from '../../learn/tensor/device.ts';
import { recipeOf } from './runs.ts';

const [steps, device] = [Number(process.argv[2]), process.argv[3] as DeviceChoice];
const folder = mkdtempSync(join(tmpdir(), 'reward-lab-memory-'));
const lab = new Lab({ project: join(folder, 'project'), device });
try {
  const { id } = lab.start(recipeOf('cartpole', { algorithmSettings: { steps } }), 0);
  const samples: { readonly step: number; readonly mb: number }[] = [];
  const timer = setInterval(() => {
    samples.push({ step: lab.run(id).done, mb: process.memoryUsage.rss() / 2 ** 20 });
  }, 100);
  const run = await lab.finished(id);
  clearInterval(timer);
  if (run.status !== 'done') throw new Error(`The run ended as ${run.status}: ${run.error}`);
  const quarters = [0, 1, 2, 3].map((q) =>
    Math.max(
      ...samples.filter(({ step }) => Math.min(3, Math.floor((4 * step) / steps)) === q).map(({ mb }) => mb),
    ),
  );
  const speed = lab.store.metrics.series(id, { names: ['speed/stepsPerSecond'], maxPoints: 1_000_000 });
  process.stdout.write(
    JSON.stringify({
      peakMb: process.resourceUsage().maxRSS / 1024,
      quarters,
      stepsPerSecond: speed.values.get('speed/stepsPerSecond')?.at(-1) ?? 0,
    }),
  );
} finally {
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
