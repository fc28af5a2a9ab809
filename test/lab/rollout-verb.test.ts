/** `lab rollout` as its user runs it. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { StateHistory } from '../../lab/history.ts';
import type { Task } from '../../sim/env.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { modelOf } from '../sim/tasks/worlds.ts';
import { lab } from '../support/lab.ts';

const folder = mkdtempSync(join(tmpdir(), 'reward-lab-test-'));
after(() => rmSync(folder, { recursive: true }));

async function rollout(input: unknown, ...args: string[]) {
  const file = join(folder, 'actions.json');
  writeFileSync(file, typeof input === 'string' ? input : JSON.stringify(input));
  const { status, stdout, stderr } = await lab('rollout', '--actions', file, '--json', ...args);
  assert.equal(stdout.trim().split('\n').length, 1, stdout);
  return { status, stderr, json: JSON.parse(stdout) as Record<string, unknown[]> };
}

test('rollout starts from a vector of Gymnasium and prints one entry a step', async () => {
  const { status, json } = await rollout([1, [0], 1], '--task', 'cartpole', '--state', '[0, 0, 0, 0]');
  assert.equal(status, 0);
  assert.deepEqual(Object.keys(json), [
    'observations',
    'states',
    'rewards',
    'terminated',
    'truncated',
    'hash',
  ]);
  assert.deepEqual(json['states']![0], [0, 0.1951219512195122, 0, -0.2926829268292683]);
  assert.deepEqual(json['observations'], json['states']);
  assert.deepEqual(json['rewards'], [1, 1, 1]);
  assert.deepEqual(json['terminated'], [false, false, false]);
  assert.deepEqual(json['truncated'], [false, false, false]);
  for (const hash of json['hash']!) assert.match(String(hash), /^[0-9a-f]{16}$/);
});

test('rollout repeats a seed, differs for another and works for every kind of action', async () => {
  const run = async (seed: string) =>
    (
      await rollout(
        [
          [0.1, 0, 0],
          [0, 0.5, -1],
        ],
        '--task',
        'reach',
        '--seed',
        seed,
      )
    ).json;
  assert.deepEqual(await run('4'), await run('4'));
  assert.notDeepEqual(await run('4'), await run('5'));
  assert.equal((await run('4'))['rewards']!.length, 2);
  const ended = await rollout([2, 2, 2], '--task', 'mountain-car', '--state', '[0.45, 0.04]');
  assert.deepEqual(ended.json['terminated'], [false, true, true]);
  const cut = await rollout([0.5, -2], '--task', 'pendulum', '--set', 'horizon=2');
  assert.deepEqual(cut.json['truncated'], [false, true]);
});

test('rollout as its user runs it reads its actions from stdin', () => {
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      fileURLToPath(new URL('../../lab/cli.ts', import.meta.url)),
      ...['rollout', '--task', 'cartpole', '--actions', '-', '--json'],
    ],
    { encoding: 'utf8', input: '[1, 0]' },
  );
  assert.equal(status, 0);
  assert.equal((JSON.parse(stdout) as { hash: string[] }).hash.length, 2);
});

for (const task of Object.values<Task>(tasks)) {
  test(`rollout of ${task.id}: one entry a step, bad actions refused by name`, async () => {
    const { actionSpace, stateDim, gymnasium, observationSpace } = modelOf(task);
    const action = new Array<number>(actionSpace.dim).fill(0);
    const { status, json, stderr } = await rollout([action, action], '--task', task.id, '--seed', '2');
    assert.equal(status, 0, stderr);
    for (const list of Object.values(json)) assert.equal(list.length, 2);
    assert.deepEqual(
      [(json['observations']![1] as number[]).length, (json['states']![1] as number[]).length],
      [observationSpace.dim, gymnasium?.vector.length ?? stateDim],
    );
    const wrongSize = await rollout([action, [...action, 0]], '--task', task.id);
    assert.deepEqual([wrongSize.status, /action 1: found/.test(wrongSize.stderr)], [2, true]);
    const infinite = await rollout(`[[${[...action.slice(1), '-1e999']}]]`, '--task', task.id);
    assert.equal(infinite.status, 2);
    assert.match(infinite.stderr, /action 0\[\d+\]: found -Infinity, wanted a finite number/);
    const state = await rollout([], '--task', task.id, '--state', '[0.5]');
    assert.match(state.stderr, /found 1 numbers, wanted/);
  });
}

test('rollout answers what cannot be done with exit code 2 and its name', async () => {
  const cases: [unknown, string[], RegExp][] = [
    [[0], ['--task', 'cartpol'], /unknown task "cartpol"; did you mean "cartpole"/],
    [[2], ['--task', 'cartpole'], /action 0: .*found 2, wanted a whole number from 0 to 1/],
    [[0, 0.5], ['--task', 'cartpole'], /action 1: .*found 0.5/],
    [[[0, 1]], ['--task', 'cartpole'], /action 0: found 2 numbers, wanted 1/],
    [[[0, 1]], ['--task', 'reach'], /action 0: found 2 numbers, wanted 3/],
    ['[1e999]', ['--task', 'pendulum'], /action 0\[0\]: found Infinity, wanted a finite number/],
    [[null], ['--task', 'pendulum'], /found null, wanted a finite number/],
    ['{', ['--task', 'pendulum'], /no valid JSON/],
    [{}, ['--task', 'pendulum'], /wanted a list with one action a step/],
    [[0], ['--task', 'pendulum', '--state', '[1]'], /found 1 numbers, wanted 2/],
    [[0], ['--task', 'pendulum', '--state', '[1, "x"]'], /--state\[1\]: found "x"/],
    [[[0, 0, 0]], ['--task', 'reach', '--state', '[1]'], /State of reach: found 1 numbers/],
    [[0], ['--task', 'pendulum', '--state', '[1, 0]', '--seed', '1'], /both --state and --seed/],
    [[0], ['--task', 'pendulum', '--set', 'horizon=0'], /horizon/],
    [
      [[0, 0, 0]],
      ['--task', 'reach', '--set', 'goalDistanceMin=0.25', '--set', 'goalDistanceMax=0.1'],
      /reach: goalDistance/,
    ],
    [
      [0],
      ['--task', 'pendulum', '--state', '{"task":"reach","version":1,"state":[1,0]}'],
      /found a state of task "reach", wanted one of "pendulum"/,
    ],
    [
      [0],
      ['--task', 'pendulum', '--state', '{"task":"pendulum","version":99,"state":[1,0]}'],
      /found a state of pendulum version 99, wanted version 1/,
    ],
    [
      [0],
      ['--task', 'pendulum', '--state', '{"task":"pendulum","state":[1,0]}'],
      /pendulum version undefined, wanted version 1/,
    ],
    [
      [0],
      ['--task', 'pendulum', '--state', '{"task":"pendulum","version":1}'],
      /--state: found undefined, wanted a list of numbers/,
    ],
    [
      [0],
      ['--task', 'pendulum', '--state', '{"task":"pendulum","version":1,"states":[[1,0]]}'],
      /found the key "states"/,
    ],
    [[0], ['--task', 'pendulum', '--state', '[1, 1e999]'], /--state\[1\]: found Infinity/],
    [[0], ['--task', 'pendulum', '--state', '7'], /--state: found 7, wanted a list of numbers/],
  ];
  for (const [input, args, wanted] of cases) {
    const { status, stderr, json } = await rollout(input, ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, wanted);
    assert.match(String(json['error']), wanted);
  }
});

test('rollout starts from a state that says its task and version, and goes on bit for bit', async () => {
  const { json: whole } = await rollout(
    [
      [0.3, 0, 0],
      [0, 0.5, -1],
      [1, 1, 0],
    ],
    '--task',
    'reach',
    '--seed',
    '3',
  );
  const state = JSON.stringify({ task: 'reach', version: tasks.reach.version, state: whole['states']![0] });
  const rest = await rollout(
    [
      [0, 0.5, -1],
      [1, 1, 0],
    ],
    '--task',
    'reach',
    '--state',
    state,
  );
  assert.equal(rest.status, 0, rest.stderr);
  assert.deepEqual(rest.json['hash'], whole['hash']!.slice(1));
  assert.deepEqual(rest.json['rewards'], whole['rewards']!.slice(1));
  // A twin's vector may say so too.
  const twin = JSON.stringify({ task: 'cartpole', version: tasks.cartpole.version, state: [0, 0, 0, 0] });
  assert.deepEqual(
    (await rollout([1], '--task', 'cartpole', '--state', twin)).json,
    (await rollout([1], '--task', 'cartpole', '--state', '[0, 0, 0, 0]')).json,
  );
});

test('rollout says at which step a state broke, which number, and where its last states are', async () => {
  const { status, stderr, json } = await rollout(
    [1, 1, 1],
    '--task',
    'cartpole',
    '--state',
    '[9900, 4000, 0, 0]',
  );
  assert.equal(status, 1);
  const message = String(json['error']);
  assert.match(
    message,
    /^Step 2: the state of cartpole became non-finite or exploded \(x is 100\d\d\.\d+\); its last 3 states are in .*cartpole-diverged\.json$/,
  );
  assert.ok(stderr.includes(message));
  const file = message.slice(message.lastIndexOf(' ') + 1);
  const history = JSON.parse(readFileSync(file, 'utf8')) as StateHistory;
  rmSync(dirname(file), { recursive: true });
  assert.deepEqual([history.task, history.firstStep, history.states.length], ['cartpole', 0, 3]);
  assert.deepEqual(history.states[0]!.slice(1, 3), [9900, 4000]);
});
