/**
 * How long the state probe takes: one evaluation, a sweep, and fields of 64 x 64 points of each kind of quantity, on an episode of a
 * short real run of `push` with SARM in its reward, made first in a folder that is thrown away.
 *
 *   npm run bench -- probe [--json]
 *
 * A time is the shortest of five calls after one that is not counted (replay, histories, training frames are kept from then on); beside
 * it the processor time of the quickest, which is what the clock would say were the machine not shared.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lab } from '../lab/lab.ts';
import { StateProbe } from '../lab/probe-state.ts';

const { values: flags } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

/** What the window wants (docs/probe.md), milliseconds. */
const targets = { term: 100, model: 500 } as const;
const calls = 5;

const folder = mkdtempSync(join(tmpdir(), 'reward-lab-bench-'));
const lab = new Lab({ project: folder, device: 'wasm' });
try {
  const { id } = lab.start(
    {
      name: 'probe',
      task: 'push',
      algorithm: 'ppo',
      algorithmSettings: { steps: 2048, worlds: 8, stepsPerWorld: 64, minibatch: 128, hiddenSize: 16 },
      reward: [
        { reward: 'sparse' },
        { reward: 'dense' },
        { reward: 'sarm', use: 'shaping', weight: 5, settings: { updates: 60 } },
      ],
      experiment: { evaluationEpisodes: 4, shortEvaluationEpisodes: 2, demonstrations: 60, failures: 40 },
    },
    0,
  );
  const run = await lab.finished(id);
  if (run.status !== 'done') throw new Error(`The run ended as ${run.status}: ${run.error}`);
  const probe = new StateProbe(lab);
  const episodeId = lab.store.episodes.list({ runId: id, kind: 'training', limit: 1 }).items[0]!.id;
  const at = { episodeId, frame: 50 };
  const { state, handles, models } = probe.open(at);
  const model = models.at(-1)!.id;
  const [x, y] = handles
    .find(({ title }) => title === 'block')!
    .moves.map(({ element }) => ({
      element,
      from: state[element]! - 0.25,
      to: state[element]! + 0.25,
      count: 64,
    }));
  const rows: {
    what: string;
    step: string;
    milliseconds: number;
    processor: number;
    target: number | null;
  }[] = [];
  const time = async (what: string, step: string, target: number | null, work: () => Promise<unknown>) => {
    await work();
    let milliseconds = Number.POSITIVE_INFINITY;
    let processor = Number.POSITIVE_INFINITY;
    for (let call = 0; call < calls; call++) {
      const [begun, used] = [performance.now(), process.cpuUsage()];
      await work();
      milliseconds = Math.min(milliseconds, performance.now() - begun);
      const { user, system } = process.cpuUsage(used);
      processor = Math.min(processor, (user + system) / 1000);
    }
    rows.push({ what, step, milliseconds, processor, target });
  };
  for (const step of ['recorded', 'still'] as const) {
    await time('one evaluation', step, null, () => probe.evaluate({ ...at, state, step }));
    await time('sweep of 128, true progress and the model', step, null, () =>
      probe.sweep({
        ...at,
        state,
        step,
        range: { ...x!, count: 128 },
        quantities: ['progress', `model/${model}`],
      }),
    );
    for (const [quantity, target] of [
      ['raw/task/toGoal', targets.term],
      ['progress', targets.term],
      ['total', null],
      [`model/${model}`, targets.model],
      [`distance/${model}`, null],
    ] as const)
      await time(`field of ${quantity}`, step, target, () =>
        probe.field({ ...at, state, step, quantity, normalise: false, x: x!, y: y! }),
      );
  }
  if (flags.json) console.log(JSON.stringify({ cpu: cpus()[0]?.model, load: loadavg()[0], rows }));
  else {
    console.log(`${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0]!.toFixed(1)}`);
    for (const { what, step, milliseconds, processor, target } of rows)
      console.log(
        `${what.padEnd(44)} ${step.padEnd(9)} ${milliseconds.toFixed(1).padStart(7)} ms, processor ${processor.toFixed(1).padStart(7)} ms${target === null ? '' : `  (wanted below ${target})`}`,
      );
  }
} finally {
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
