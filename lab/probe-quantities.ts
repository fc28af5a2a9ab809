/** What can be asked of a state, and why some of it cannot be had. */

import type { ProbeQuantity } from './api/probe.ts';
import { UsageError } from './errors.ts';
import type { ScoringModels } from './probe-models.ts';
import { deviating, runningDeviation, type Scene, stackOf, totalProblem } from './probe-scene.ts';

/** Of an episode, in the order in which they are offered. */
export function quantitiesOf(scene: Scene, models: ScoringModels): ProbeQuantity[] {
  const { model } = scene;
  const stack = stackOf(scene, 1);
  const hidden = deviating(scene);
  const out: ProbeQuantity[] = [];
  const truth = (id: string, title: string, high: number, help: string): void => {
    out.push({ id, title, kind: 'truth', range: [0, high], help, missing: null });
  };
  truth('progress', 'True progress', 1, 'What the task itself says; no model gets it');
  truth('stage', 'True stage', Math.max(1, model.stages.length - 1), 'Number of the stage, from 0');
  truth('success', 'True success', 1, '1 where the task counts as done');
  for (const { id, title } of stack.terms) {
    const own = model.rewardTerms.find((term) => `task/${term.id}` === id);
    const range = own === undefined ? null : ([...(own.range ?? [0, 1])] as [number, number]);
    out.push({ id: `raw/${id}`, title: `${id}, raw`, kind: 'raw', range, help: title, missing: null });
    out.push({
      id: `paid/${id}`,
      title: `${id}, weighted`,
      kind: 'paid',
      range: null,
      help: title,
      missing: hidden.has(id) ? runningDeviation : null,
    });
  }
  out.push({
    id: 'total',
    title: 'Reward, total',
    kind: 'total',
    range: null,
    help: scene.stackWords,
    missing: totalProblem(scene),
  });
  out.push({
    id: 'value',
    title: 'Critic value',
    kind: 'value',
    range: null,
    help: 'critic' in scene.critic ? `What the critic of ${scene.critic.words} expects from here` : '',
    missing: 'missing' in scene.critic ? scene.critic.missing : null,
  });
  for (const one of models.of(scene)) {
    const { row, title, missing } = one;
    const name = `${title} (model ${row.id})`;
    out.push({
      id: `model/${row.id}`,
      title: name,
      kind: 'model',
      range: [0, 1],
      help: 'Learned progress',
      missing,
    });
    out.push({
      id: `spread/${row.id}`,
      title: `${name}, spread`,
      kind: 'spread',
      range: null,
      help: `Standard deviation ${models.spreadWords(scene, one)}`,
      missing:
        missing ??
        (models.siblings(scene, one).length > 1
          ? null
          : `One stored ${title} model of this task has no spread; fit another with another seed`),
    });
    out.push({
      id: `distance/${row.id}`,
      title: `${name}, distance from its training data`,
      kind: 'distance',
      range: null,
      help: 'Root mean square over the numbers of the frame, in their deviations',
      missing,
    });
  }
  return out;
}

/** @throws UsageError on a quantity that is none, or cannot be had. */
export function wantQuantities(scene: Scene, models: ScoringModels, ids: readonly string[]): void {
  const known = quantitiesOf(scene, models);
  for (const id of ids) {
    const found = known.find((one) => one.id === id);
    if (found === undefined)
      throw new UsageError([
        `quantity: found "${id}", wanted one of ${known.map((one) => one.id).join(', ')}`,
      ]);
    if (found.missing !== null) throw new UsageError([`quantity ${id}: ${found.missing}`]);
  }
}
