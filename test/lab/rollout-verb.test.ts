/** `lab rollout` as its user runs it. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));

function rollout(input: unknown, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cli, 'rollout', '--actions', '-', '--json', ...args],
    { encoding: 'utf8', input: typeof input === 'string' ? input : JSON.stringify(input) },
  );
  assert.equal(stdout.trim().split('\n').length, 1, stdout);
  return { status, stderr, json: JSON.parse(stdout) as Record<string, unknown[]> };
}

test('rollout starts from a vector of Gymnasium and prints one entry a step', () => {
  const { status, json } = rollout([1, [0], 1], '--task', 'cartpole', '--state', '[0, 0, 0, 0]');
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

test('rollout repeats a seed, differs for another, works for every kind of action and reads files', (t) => {
  const file = join(temporaryFolder(t), 'actions.json');
  writeFileSync(file, '[[0.1, 0, 0], [0, 0.5, -1]]');
  const run = (seed: string) =>
    spawnSync(
      process.execPath,
      [cli, 'rollout', '--task', 'reach', '--actions', file, '--seed', seed, '--json'],
      {
        encoding: 'utf8',
      },
    ).stdout;
  assert.equal(run('4'), run('4'));
  assert.notEqual(run('4'), run('5'));
  assert.equal((JSON.parse(run('4')) as { rewards: number[] }).rewards.length, 2);
  const ended = rollout([2, 2, 2], '--task', 'mountain-car', '--state', '[0.45, 0.04]').json;
  assert.deepEqual(ended['terminated'], [false, true, true]);
  const cut = rollout([0.5, -2], '--task', 'pendulum', '--set', 'horizon=2').json;
  assert.deepEqual(cut['truncated'], [false, true]);
});

test('rollout answers what cannot be done with exit code 2 and its name', () => {
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
  ];
  for (const [input, args, wanted] of cases) {
    const { status, stderr, json } = rollout(input, ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, wanted);
    assert.match(String(json['error']), wanted);
  }
});
