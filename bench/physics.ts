/**
 * Every experiment of `physics/experiments.ts`: what a formula expects, what our engine finds, and what MuJoCo finds in the same
 * scene with the same time step and its own defaults:
 *   npm run bench -- physics [--json] [--only ID]
 *
 * `off` is the difference from what is expected: in percent of it, or in the figure's unit where 0 is expected. Ends with
 * code 1 when one of our figures is farther off than the experiment allows.
 */

import { ours } from './physics/engine.ts';
import { type Experiment, experiments, type Figure } from './physics/experiments.ts';
import { openMujoco } from './physics/mujoco.ts';

interface Row extends Figure {
  readonly experiment: string;
  readonly holds: boolean;
  /** null where MuJoCo has no such thing. */
  readonly mujoco: number | null;
}

const short = (x: number): string => {
  const size = Math.abs(x);
  if (x === 0) return '0';
  return size < 1e-3 || size >= 1e5 ? x.toExponential(1) : x.toPrecision(5).replace(/\.?0+$/, '');
};

function off(found: number | null, { expected }: Figure): string {
  if (found === null) return '-';
  const difference = found - expected;
  if (expected === 0) return short(difference);
  const percent = (100 * difference) / Math.abs(expected);
  return Math.abs(percent) < 0.0005 ? '0 %' : `${percent > 0 ? '+' : ''}${percent.toFixed(3)} %`;
}

async function main(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined;
  if (args.includes('--only') && (only === undefined || !Object.hasOwn(experiments, only)))
    throw new RangeError(`--only: found ${only}, wanted one of ${Object.keys(experiments).join(', ')}`);
  const mujoco = await openMujoco();
  const say = (line: string): void => {
    if (!json) console.log(line);
  };
  const rows: Row[] = [];
  for (const [id, experiment] of Object.entries<Experiment>(experiments)) {
    if (only !== undefined && id !== only) continue;
    say(
      `\n${`${id}: ${experiment.title}`.padEnd(66)}${['expected', 'ours', 'off', mujoco.name, 'off'].map((head) => head.padStart(15)).join('')}`,
    );
    const others = experiment.oursOnly === true ? null : experiment.run(mujoco);
    for (const [i, figure] of experiment.run(ours).entries()) {
      const row: Row = {
        experiment: id,
        ...figure,
        holds: Math.abs(figure.found - figure.expected) <= figure.within,
        mujoco: others === null ? null : others[i]!.found,
      };
      rows.push(row);
      const cells = [
        `${short(row.expected)} ${row.unit}`,
        short(row.found),
        off(row.found, row),
        row.mujoco === null ? '-' : short(row.mujoco),
        off(row.mujoco, row),
      ];
      say(
        `${row.holds ? '  ' : '! '}${row.name.padEnd(64)}${cells.map((cell) => cell.padStart(15)).join('')}`,
      );
    }
  }
  const failed = rows.filter((row) => !row.holds);
  say(`\n${rows.length} figures, ${failed.length} of ours farther off than allowed`);
  if (json) console.log(JSON.stringify({ bench: 'physics', node: process.version, peer: mujoco.name, rows }));
  if (failed.length > 0) process.exitCode = 1;
}

await main(process.argv.slice(2));
