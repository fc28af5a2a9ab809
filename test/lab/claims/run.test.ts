import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claims as all } from '../../../lab/claims/index.ts';
import { runClaims } from '../../../lab/claims/run.ts';
import type { Expectation } from '../../../lab/claims/types.ts';
import { judge, together } from '../../../lab/claims/verdict.ts';
import { rewards } from '../../../learn/rewards/index.ts';
import { tasks } from '../../../sim/tasks/index.ts';
import { claims } from '../../support/claims.ts';

const registry = { claims, module: new URL('../../support/claims.ts', import.meta.url).href };

const better: Expectation = { kind: 'better', arm: 'a', than: 'b', want: 'higher' };
const verdictOf = (expectation: Expectation, pairs: readonly (readonly [number, number])[]) =>
  judge(
    expectation,
    pairs.map(([a, b]) => ({ a, b })),
  ).verdict;

test('a claim holds, fails or cannot be measured by where the interval over seeds lies', () => {
  const up = [
    [2, 1],
    [3, 1],
    [4, 1],
  ] as const;
  const mixed = [
    [2, 1],
    [0, 3],
    [1, 1],
  ] as const;
  const equal = [
    [1, 1],
    [2, 2],
  ] as const;
  assert.equal(verdictOf(better, up), 'holds');
  assert.equal(verdictOf({ ...better, want: 'lower' }, up), 'fails');
  assert.equal(verdictOf(better, mixed), 'not measurable');
  // No difference at all is not better.
  assert.equal(verdictOf(better, equal), 'fails');
  // Differences are 1, 2, 3: their mean is never more than 3 and not surely more than 1.5.
  assert.equal(verdictOf({ ...better, by: 3.5 }, up), 'fails');
  assert.equal(verdictOf({ ...better, by: 1.5 }, up), 'not measurable');
  assert.equal(verdictOf({ kind: 'reaches', arm: 'a', atLeast: 2 }, up), 'holds');
  assert.equal(verdictOf({ kind: 'reaches', arm: 'a', atMost: 1 }, up), 'fails');
  assert.equal(verdictOf({ kind: 'reaches', arm: 'b', atMost: 1 }, up), 'holds');
});

test('seeds without a number are left out, and fewer than two cannot tell', () => {
  const report = judge(better, [
    { a: 2, b: 1 },
    { a: Number.NaN, b: 1 },
    { a: 4, b: 1 },
  ]);
  assert.equal(report.effect, 2);
  assert.equal(report.verdict, 'holds');
  assert.equal(
    judge(better, [{ a: 2, b: 1 }, { b: 1 }]).text,
    'a higher than b: 1 of 2 seeds gave a number, wanted at least 2',
  );
});

test('one claim that fails decides over its method, one that cannot be told leaves it open', () => {
  assert.equal(together(['holds', 'holds']), 'holds');
  assert.equal(together(['holds', 'not measurable', 'fails']), 'fails');
  assert.equal(together(['holds', 'not measurable']), 'not measurable');
  assert.equal(together([]), 'not measurable');
});

test('claims run seed by seed in threads, with arms, verdicts and the command that runs them again', async () => {
  const parts: string[] = [];
  const report = await runClaims('sums', {
    registry,
    seedOffset: 10,
    threads: 2,
    onProgress: (claim, seed, part) => parts.push(`${claim} ${seed} ${part}`),
  });
  const [greater, nothing] = report.claims;
  assert.deepEqual(greater!.seeds, [10, 11, 12]);
  assert.deepEqual(greater!.arms['good'], {
    title: 'seed + 1',
    values: [11, 12, 13],
    mean: 12,
    deviation: 1,
  });
  assert.deepEqual(
    [greater!.verdict, nothing!.verdict, report.verdict],
    ['holds', 'not measurable', 'not measurable'],
  );
  assert.deepEqual(nothing!.arms['good']!.values, [null, null, null]);
  assert.equal(report.command, 'npm run -s lab -- claim sums --seed-offset 10 --json');
  assert.ok(parts.includes('greater 11 adding') && parts.includes('greater 11 done'));
});

test('a task that a claim is not for is said to be, with the reason', async () => {
  const { claims: found } = await runClaims('sums', { registry, only: 'nothing', task: 'push' });
  assert.equal(found[0]!.verdict, 'not measurable');
  assert.equal(found[0]!.reason, 'push: this task is not for it');
});

test('trouble in a repetition names the claim and the seed; unknown names are refused', async () => {
  await assert.rejects(runClaims('broken', { registry, seeds: 1 }), {
    message: 'claim broken/throws, seed 0: Episode 7: found nothing, wanted something',
  });
  await assert.rejects(runClaims('sum', { registry }), /claim: found "sum", wanted one of sums, broken/);
  await assert.rejects(runClaims('sums', { registry, only: 'x' }), /wanted one of greater, nothing/);
  await assert.rejects(runClaims('sums', { registry, task: 'x' }), /unknown task "x"/);
});

test('what breaks in one seed ends the others', async () => {
  await assert.rejects(runClaims('uneven', { registry, seeds: 2, threads: 2 }), {
    message: 'claim uneven/one-breaks, seed 0: seed 0 is broken',
  });
});

test('a claim is stopped while it runs', async () => {
  const stop = new AbortController();
  const run = runClaims('endless', {
    registry,
    seeds: 1,
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  await assert.rejects(run, { name: 'AbortError' });
});

test('every registered claim is of a known method and task and expects something of its own arms', () => {
  for (const [method, list] of Object.entries(all)) {
    assert.ok(Object.hasOwn(rewards, method), method);
    assert.equal(new Set(list.map(({ id }) => id)).size, list.length);
    for (const claim of list) {
      const name = `${method}/${claim.id}`;
      assert.ok(Object.hasOwn(tasks, claim.task), name);
      assert.ok(Object.hasOwn(claim.arms, claim.baseline), name);
      assert.ok(claim.expects.length > 0 && claim.seeds >= 2, name);
      for (const expectation of claim.expects) {
        assert.ok(Object.hasOwn(claim.arms, expectation.arm), name);
        if (expectation.kind === 'better') assert.ok(Object.hasOwn(claim.arms, expectation.than), name);
      }
    }
  }
});
