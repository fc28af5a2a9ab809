/**
 * `docs/tasks.md`, the index of all tasks, from the registry: `node build/tasks-page.ts` writes it, a test compares.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task, TaskModel } from '../sim/env.ts';
import { defaultsOf } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import { root } from './renderer.ts';

/** In the order of the page. A task whose id begins with a family's prefix, or that is named here, belongs to it. */
const families: readonly {
  readonly title: string;
  readonly about: string;
  readonly prefix?: string;
  readonly ids: readonly string[];
}[] = [
  {
    title: 'Arm with gripper',
    about:
      'A 7-joint arm over a table, steered by the velocity of its fingertips; metres, table top at z = 0.',
    ids: [
      'reach',
      'push',
      'slide',
      'pick-place',
      'stack',
      'drawer',
      'door',
      'peg',
      'button-sequence',
      'sort',
      'tool',
      'rope',
    ],
  },
  {
    title: 'Mobile base',
    about: 'A differential drive with lidar, in generated worlds; floor at z = 0.',
    ids: ['maze', 'rooms', 'coverage'],
  },
  {
    title: 'Legs',
    about: 'Runners that are asked for a velocity and end when they fall.',
    ids: ['hopper', 'cheetah', 'quadruped'],
  },
  {
    title: 'Several agents',
    about:
      'Agent 0 learns, the others follow scripted policies or learn too; PettingZoo’s parallel convention.',
    ids: ['tag', 'soccer', 'highway'],
  },
  {
    title: 'Drills',
    about:
      'The written reward is wrong in a known way; each has a fair twin that looks alike and is right, and a scripted exploit.',
    prefix: 'drill-',
    ids: [],
  },
  {
    title: 'Tables',
    about: 'Small enough for exact values, by value iteration.',
    prefix: 'grid-',
    ids: [],
  },
  {
    title: 'Classic control',
    about: 'Gymnasium’s own, to 1e-9: the yardstick that everybody has.',
    ids: ['cartpole', 'pendulum', 'mountain-car', 'mountain-car-continuous', 'acrobot'],
  },
];

const isOf = (family: (typeof families)[number], id: string): boolean =>
  family.ids.includes(id) || (family.prefix !== undefined && id.startsWith(family.prefix));

function rowOf(task: Task): string {
  const model: TaskModel = task.create(defaultsOf(task.fields));
  const { actionSpace, observationSpace, horizon, controlDt } = model;
  const actions =
    actionSpace.type === 'discrete'
      ? `${actionSpace.n} options`
      : actionSpace.dim === 1
        ? '1 number'
        : `${actionSpace.dim} numbers`;
  const also = [
    ...(model.goals ? ['goals'] : []),
    ...(model.goals?.setDesired ? ['hindsight'] : []),
    ...(model.parallel ? ['agents'] : []),
    ...(model.tabular ? ['table'] : []),
    ...(model.exploit ? ['exploit'] : []),
    ...(model.gymnasium ? ['Gymnasium'] : []),
  ];
  const cells = [
    `[${task.id}](tasks/${task.id}.md)`,
    task.summary,
    actions,
    String(observationSpace.dim),
    `${horizon} x ${Number(controlDt.toFixed(4))} s`,
    also.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** @throws RangeError naming a task that belongs to no family. */
export function tasksPage(): string {
  const all: readonly Task[] = Object.values(tasks);
  for (const { id } of all) {
    if (!families.some((family) => isOf(family, id))) {
      throw new RangeError(`Task ${id}: belongs to no family; say which in build/tasks-page.ts`);
    }
  }
  const sections = families.flatMap((family) => {
    const members = all
      .filter(({ id }) => isOf(family, id))
      .sort((a, b) => family.ids.indexOf(a.id) - family.ids.indexOf(b.id));
    if (members.length === 0) return [];
    return [
      `## ${family.title}`,
      '',
      family.about,
      '',
      '| task | | actions | observation | horizon | also |',
      '| --- | --- | --- | --- | --- | --- |',
      ...members.map(rowOf),
      '',
    ];
  });
  return [
    '# Tasks',
    '',
    `All ${all.length}, with default settings. Start, half-way to success, and success, by the task’s own expert:`,
    '',
    '![Every task at the start, half-way and at success](pictures/tasks.png)',
    '',
    'Horizons are control steps times the control step. `goals`: achieved and desired goals with a pure reward of any such',
    'pair; `hindsight`: any goal can be written into a state, for relabelling (in the other tasks with goals these are settings,',
    'or shapes of which only the place is drawn); `agents`: all agents at once; `table`: states, values and optimal actions as',
    'tables; `exploit`: a scripted policy that collects the written reward without doing the task; `Gymnasium`: same numbers as',
    'the task of that name there.',
    '',
    ...sections,
    'This page is written by `node build/tasks-page.ts`, the picture by `node build/contact-sheet.ts`.',
    '',
  ].join('\n');
}

if (import.meta.main) {
  writeFileSync(join(root, 'docs', 'tasks.md'), tasksPage());
  console.log('Wrote docs/tasks.md');
}
