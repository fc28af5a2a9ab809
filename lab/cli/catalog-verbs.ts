/** `tasks`, `rewards`, `algorithms`, `recipes`: what exists, with every field, default, range and unit. */

import type { Catalog, FieldInfo } from '../api.ts';
import { catalog } from '../catalog.ts';
import { print, printJson, table } from './output.ts';

function fieldRow(name: string, field: FieldInfo): Record<string, string> {
  const range =
    field.type === 'choice'
      ? field.options.join(' | ')
      : field.type === 'boolean'
        ? 'true | false'
        : field.type === 'text'
          ? `text, at most ${field.longest} characters`
          : `${field.min} .. ${field.max}`;
  return {
    field: `  ${name}`,
    default: field.default === '' ? '(empty)' : String(field.default),
    range,
    unit: field.unit ?? '',
    help: field.help,
  };
}

function printFields(fields: Readonly<Record<string, FieldInfo>>): void {
  const rows = Object.entries(fields).map(([name, field]) => fieldRow(name, field));
  print(rows.length === 0 ? '  (no fields)' : table(rows));
}

export function showCatalog(what: 'tasks' | 'rewards' | 'algorithms' | 'recipes', json: boolean): void {
  const all: Catalog = catalog();
  if (json)
    return printJson({
      [what]: all[what],
      ...(what === 'recipes' ? { experimentFields: all.experimentFields } : {}),
    });
  switch (what) {
    case 'tasks':
      for (const task of all.tasks) {
        print(`${task.id} - ${task.title}\n  ${task.summary}`);
        print(
          `  stages: ${task.stages.map((stage) => stage.id).join(' -> ')}; ${task.horizon} steps of ${task.controlDt} s`,
        );
        print(
          `  state: ${task.stateDim} numbers (${task.stateBytes} bytes); physics step ${task.physicsDt} s, ${task.substeps} a control step; views ${task.views.join(', ')}`,
        );
        const also = [
          task.gymnasium === null ? '' : `${task.gymnasium} of Gymnasium`,
          task.goals === null ? '' : `goals (${task.goals.join(', ')})`,
          task.agents === null ? '' : `agents ${task.agents.map(({ id }) => id).join(', ')}`,
          task.tabular === null ? '' : `tables of ${task.tabular.states} states`,
          task.exploit ? 'a policy that exploits its written reward' : '',
        ].filter((text) => text !== '');
        for (const [algorithm, { reward, settings }] of Object.entries(task.training ?? {})) {
          const values = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
          print(`  training with ${algorithm} (${reward} reward): ${values.join(' ') || 'its own defaults'}`);
        }
        if (also.length > 0) print(`  has: ${also.join('; ')}`);
        print(
          `  reward terms: ${task.rewardTerms.map((term) => `${term.id} (${term.kind}, weight ${term.weight})`).join(', ')}`,
        );
        printFields(task.fields);
        print();
      }
      break;
    case 'rewards':
      for (const reward of all.rewards) {
        print(`${reward.id} - ${reward.title} (${reward.kind})\n  ${reward.summary}`);
        printFields(reward.fields);
        print();
      }
      break;
    case 'algorithms':
      for (const algorithm of all.algorithms) {
        print(`${algorithm.id} - ${algorithm.title}\n  ${algorithm.summary}`);
        printFields(algorithm.fields);
        print();
      }
      break;
    case 'recipes':
      for (const recipe of all.recipes)
        print(`${recipe.id} - ${recipe.title}\n  ${recipe.summary}\n  ${recipe.path}\n`);
      print('Fields of every experiment:');
      printFields(all.experimentFields);
      break;
  }
}
