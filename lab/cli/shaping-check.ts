/** `check-shaping`: do the lines of a reward stack change what is best to do? */

import { availableParallelism } from 'node:os';
import { openSenses } from '../../learn/rewards/senses.ts';
import { ruleOf, type StackEntry } from '../../learn/rewards/stack.ts';
import { openComputeFor } from '../compute.ts';
import type { Experiment } from '../experiment.ts';
import { fitOn } from '../fit.ts';
import { play } from '../footage.ts';
import { rewardNamed, taskNamed } from '../registry.ts';
import { episodeSeed } from '../seeds.ts';
import { checkShaping, type ShapingReport } from '../shaping-check.ts';
import { type Common, withReader } from './options.ts';
import { note, print, printJson, table } from './output.ts';

export interface ShapingFlags {
  readonly gamma?: number;
  readonly episodes: number;
}

/** The stack of an experiment, its models read from the project or fitted here, on episodes that nobody stores. */
async function entriesOf(experiment: Experiment, common: Common): Promise<StackEntry[]> {
  const { task, taskSettings, experiment: options } = experiment;
  const model = taskNamed(task)!.create(taskSettings);
  const entries: StackEntry[] = [];
  for (const line of experiment.reward) {
    const method = rewardNamed(line.reward)!;
    const rest = {
      weight: line.weight,
      ...(line.gamma === null ? {} : { gamma: line.gamma }),
      ...ruleOf(line),
    };
    if (method.kind === 'native') {
      entries.push({ kind: 'native', reward: method, ...rest });
      continue;
    }
    const stored = line.model;
    if (stored !== null) {
      const bytes = await withReader(common, (lab) => lab.store.models.bytes(stored));
      entries.push({
        kind: 'learned',
        method: line.reward,
        model: method.load(bytes),
        use: line.use,
        ...rest,
      });
      continue;
    }
    note(
      `fitting ${line.reward} on demonstrations of its own (a line with a model of the project takes that)`,
    );
    const collect = (
      purpose: 'demonstration' | 'failure',
      count: number,
      player: Parameters<typeof play>[0]['player'],
    ) =>
      play({
        model,
        player,
        seeds: Array.from({ length: count }, (_, i) => episodeSeed(purpose, common.seed, i)),
      });
    const expert = { kind: 'expert', noise: options['demonstrationNoise'] as number } as const;
    const footage = [
      ...collect('demonstration', options['demonstrations'] as number, expert),
      ...collect('failure', options['failures'] as number, { kind: 'wandering' }),
    ];
    const { dim } = openSenses(model, method.senses?.(line.settings));
    const threads = common.threads ?? availableParallelism();
    const compute = await openComputeFor({
      choice: common.device,
      workload: method.workload(line.settings, { frameDim: dim, stages: model.stages.map(({ id }) => id) }),
      threads,
      budget: new Int32Array(new SharedArrayBuffer(4)).fill(threads),
    });
    try {
      const { model: fitted } = await fitOn(method, line.settings, model, footage, {
        compute,
        seed: episodeSeed('fit', common.seed, 0),
        signal: new AbortController().signal,
      });
      entries.push({ kind: 'learned', method: line.reward, model: fitted, use: line.use, ...rest });
    } finally {
      compute.dispose();
    }
  }
  return entries;
}

const verdicts: Readonly<Record<ShapingReport['verdict'], string>> = {
  keeps: 'What is best to do stays the same.',
  changes: 'What is best to do changes.',
  'may change': 'What is best to do may change.',
  unknown: 'Nothing can be said.',
};

/** States shown of each line; `--json` has all. */
const mostShown = 12;

export async function showShaping(experiment: Experiment, flags: ShapingFlags & Common): Promise<void> {
  const gamma = flags.gamma ?? (experiment.algorithmSettings['gamma'] as number);
  const report = checkShaping({
    model: taskNamed(experiment.task)!.create(experiment.taskSettings),
    entries: await entriesOf(experiment, flags),
    gamma,
    episodes: flags.episodes,
    seed: flags.seed,
  });
  if (flags.json === true) return printJson(report);
  print(`${report.task}, gamma ${gamma}: ${verdicts[report.verdict]}`);
  for (const { terms, weight, verdict, text, tables } of report.lines) {
    print();
    print(`${terms.join(', ')} x ${weight}: ${verdict}`);
    print(`  ${text}`);
    const changed = tables?.changed ?? [];
    if (changed.length === 0) continue;
    print(
      table(
        changed.slice(0, mostShown).map(({ state, before, after, loss, reachable }) => ({
          state,
          is: report.stateNames?.[state] ?? '',
          'best actions': before.join(' '),
          'with the line': after.join(' '),
          loses: loss.toPrecision(3),
          reachable: reachable ? 'yes' : 'no',
        })),
      ),
    );
    if (changed.length > mostShown) print(`  and ${changed.length - mostShown} more; --json has them all`);
  }
  if (report.lines.length === 0)
    print("The stack is the task's own sparse reward alone: there is nothing to check.");
}
