import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applySetsTo } from '../../lab/sets.ts';
import type { Fields } from '../../sim/fields.ts';

const number = (max: number) => ({ type: 'number', default: 0, min: 0, max, help: '' }) as const;

function apply(...sets: string[]) {
  const first: Record<string, unknown> = {};
  const second: Record<string, unknown> = {};
  const weight: Record<string, unknown> = {};
  const fields: Fields = { gap: number(9), on: { type: 'boolean', default: false, help: '' } };
  const problems = applySetsTo(
    [
      { name: 'task', fields: { gap: number(5), size: number(5) }, settings: first },
      { name: 'sarm', fields, settings: second },
      { name: 'sarm', fields, settings: second },
      { name: 'weight', fields: { sarm: number(9) }, settings: weight, named: true },
    ],
    sets,
  );
  return { first, second, weight, problems };
}

test('a setting is found by its name, by its group, and as a weight; the last one counts', () => {
  assert.deepEqual(apply('size=1', ' size = 2 ', 'sarm.gap=9', 'on=true', 'weight.sarm=3'), {
    first: { size: 2 },
    second: { gap: 9, on: true },
    weight: { sarm: 3 },
    problems: [],
  });
});

test('what cannot be set is named with what was wanted', () => {
  const cases: Record<string, RegExp> = {
    'gap=1': /--set gap: several have it; say task\.gap or sarm\.gap/,
    'tsk.gap=1': /--set tsk\.gap: unknown group "tsk"; did you mean "task"\?/,
    'task.sise=1': /--set task\.sise: unknown field "sise"; did you mean "size"\?/,
    'sarm=1': /--set sarm: unknown field "sarm"/,
    'size=6': /--set task\.size: found 6, wanted a number from 0 to 5/,
    'size=Infinity': /found Infinity/,
    'size=': /found "", wanted a number/,
    'on=1': /--set sarm\.on: found "1", wanted true or false/,
    size: /--set size: wanted field=value/,
    '=1': /wanted field=value/,
    'task.__proto__=1': /unknown field "__proto__"/,
  };
  for (const [set, wanted] of Object.entries(cases)) {
    const { problems } = apply(set);
    assert.equal(problems.length, 1, set);
    assert.match(problems[0]!, wanted);
  }
});
