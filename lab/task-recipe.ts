/** The experiment that a task is trained with when no recipe is given: its own tuned defaults, written out in full. */

import type { TrainingDefaults } from '../sim/env.ts';
import { tasks } from '../sim/tasks/index.ts';
import type { Recipe } from './api.ts';
import { UsageError } from './errors.ts';
import { nearest } from './fields.ts';
import { algorithmNamed, rewardNamed, taskNamed } from './registry.ts';

export interface TaskChoice {
  readonly task: string;
  readonly algorithm?: string | undefined;
  readonly reward?: string | undefined;
}

/**
 * Algorithm and reward are those asked for, else the task's own first choice, else PPO and the dense terms. The tuned
 * settings of the algorithm are copied into the recipe, so that it stays what it says when the task is tuned anew.
 * `notes`: where what was tuned is not what was asked for. @throws UsageError when the task is unknown.
 */
export function taskRecipe(choice: TaskChoice): {
  readonly recipe: Recipe;
  readonly notes: readonly string[];
} {
  const task = taskNamed(choice.task);
  if (task === undefined) {
    throw new UsageError([
      `--task: unknown task "${choice.task}"${nearest(choice.task, Object.keys(tasks))}`,
    ]);
  }
  const training: Readonly<Record<string, TrainingDefaults>> = task.training ?? {};
  const algorithm =
    choice.algorithm ?? Object.keys(training).find((id) => algorithmNamed(id) !== undefined) ?? 'ppo';
  const tuned = Object.hasOwn(training, algorithm) ? training[algorithm] : undefined;
  const reward = choice.reward ?? tuned?.reward ?? 'dense';
  const notes: string[] = [];
  if (tuned === undefined) {
    notes.push(`${task.id} has no tuned settings for ${algorithm}; it takes the algorithm's own defaults`);
  } else if (tuned.reward !== reward) {
    notes.push(`the settings of ${algorithm} for ${task.id} were tuned with the ${tuned.reward} reward`);
  }
  const learned = rewardNamed(reward)?.kind === 'learned';
  return {
    recipe: {
      name: `${task.id}-${algorithm}-${reward}`,
      task: task.id,
      algorithm,
      ...(tuned === undefined ? {} : { algorithmSettings: { ...tuned.settings } }),
      reward: learned ? [{ reward: 'sparse' }, { reward, use: 'shaping' }] : [{ reward }],
    },
    notes,
  };
}
