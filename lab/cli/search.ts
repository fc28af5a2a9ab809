/** `search`: successive halving on the command line. */

import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { recipeToYaml } from '../experiment.ts';
import type { SearchDefinition } from '../groups.ts';
import type { Lab } from '../lab.ts';
import { beginSearch, runSearch, type SearchResult } from '../search.ts';
import { duration, note, print, printJson, table } from './output.ts';
import { figure, follow } from './runs.ts';

export interface SearchOutput {
  readonly json: boolean;
  /** Where the best recipe goes. */
  readonly save: string | undefined;
}

/** Before hours of training, not after them. @throws UsageError */
export function checkSave(file: string | undefined): void {
  if (file === undefined || existsSync(dirname(resolve(file)))) return;
  throw new UsageError([`--save: there is no folder ${dirname(resolve(file))}`]);
}

/** Begins a search, or goes on with the one of the same definition. Returns the exit code. */
export function startSearch(lab: Lab, definition: SearchDefinition, output: SearchOutput): Promise<number> {
  const { id, begun } = beginSearch(lab, definition);
  if (!begun) note(`Search ${id} was asked for the same: going on with it`);
  return followSearch(lab, id, output);
}

export async function followSearch(lab: Lab, id: string, { json, save }: SearchOutput): Promise<number> {
  const began = performance.now();
  const result = await runSearch(lab, id, {
    onRung: (rung, runs, plan) => {
      const { trials, until } = plan[rung]!;
      note(`${id} rung ${rung + 1} of ${plan.length}: ${trials} trials to ${until} steps`);
      const labels = new Map(runs.map((run) => [run, `${lab.run(run).name} seed ${lab.run(run).seed}: `]));
      return follow(lab, labels, Date.now());
    },
  });
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  if (result.best !== null && save !== undefined) writeFileSync(save, recipeToYaml(result.best.recipe));
  if (json) printJson({ ...result, seconds });
  else printSearch(result, seconds);
  if (result.status === 'paused') note(`Search ${id} is saved; go on with: lab resume ${id}`);
  else if (save !== undefined && result.best !== null) note(`Wrote ${save}`);
  return result.status === 'done' ? 0 : result.status === 'paused' ? 130 : 1;
}

function printSearch({ search, plan, trials, best, protocol, notes }: SearchResult, seconds: number): void {
  print(
    table(
      trials.map((trial) => ({
        trial: trial.trial,
        steps: trial.rung === null ? '-' : plan[trial.rung]!.until,
        success: figure(trial.success),
        return: figure(trial.return),
        progress: figure(trial.progress),
        outcome: trial.outcome,
        changed: trial.sets.length === 0 ? 'nothing' : trial.sets.join(' '),
      })),
    ),
  );
  print(`Protocol: ${protocol}.`);
  for (const line of notes) print(`Note: ${line}.`);
  for (const { trial, error } of trials) if (error !== null) print(`trial ${trial} failed: ${error}`);
  if (best === null) return;
  print(
    `${search}: trial ${best.trial} is best, after ${duration(seconds)}. A winner of a search looks better than it is: train it on other seeds before you report it (lab train recipe.yaml --seeds 0..9).`,
  );
}
