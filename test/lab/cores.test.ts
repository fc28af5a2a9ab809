import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cores } from '../../lab/cores.ts';

test('the cores are shared among the runs, and each has at least one', () => {
  const cores = new Cores(5);
  const shares = [0, 1, 2, 3, 5, 9].map((runs) => {
    cores.shareAmong(runs);
    return cores.budget[0];
  });
  assert.deepEqual(shares, [5, 5, 2, 1, 1, 1]);
});

test('runs leave the lab a core while it stores, also where that fails', () => {
  const cores = new Cores(4);
  const seen: (number | undefined)[] = [];
  const look = (): void => void seen.push(cores.budget[0]);
  cores.aside(look);
  look();
  cores.shareAmong(2);
  const failing = (): void => {
    look();
    throw new Error('disk full');
  };
  assert.throws(() => cores.aside(failing), /disk full/);
  look();
  cores.shareAmong(4);
  cores.aside(look);
  assert.deepEqual(seen, [3, 4, 1, 2, 1], 'a run with one thread keeps it');
});

test('runs that use fewer threads than there are cores keep them while the lab stores', () => {
  for (const [cores, wanted] of [
    [3, 2],
    [2, 1],
    [1, 1],
  ] as const) {
    const shared = new Cores(2, cores);
    let seen: number | undefined;
    shared.aside(() => {
      seen = shared.budget[0];
    });
    assert.equal(seen, wanted, `${cores} cores`);
    assert.equal(shared.budget[0], 2);
  }
});

test('impossible numbers of threads are refused', () => {
  for (const threads of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => new Cores(threads), {
      name: 'RangeError',
      message: `Threads of the lab: found ${threads}, wanted a whole number of at least 1`,
    });
  }
});
