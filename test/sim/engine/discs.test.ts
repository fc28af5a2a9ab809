/** Discs: numbers worked by hand, and what every collision has to keep. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bounceBox,
  bounceInside,
  bouncePair,
  bouncePost,
  bounceWall,
  brake,
  overlap,
} from '../../../sim/engine/discs.ts';
import { createRandom } from '../../../sim/engine/random.ts';

const close = (found: ArrayLike<number>, wanted: readonly number[]): void => {
  assert.equal(found.length, wanted.length);
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(found[i]! - value) < 1e-12, `number ${i}: ${found[i]}, wanted ${value}`);
  });
};

test('head on, elastic: 2 kg at 3 m/s meets 1 kg at rest and goes on at 1 m/s, the other at 4 m/s', () => {
  // v1 = (m1 - m2) / (m1 + m2) 3 = 1, v2 = 2 m1 / (m1 + m2) 3 = 4; impulse on the second: 1 kg * 4 m/s.
  const s = Float64Array.of(0, 0, 3, 0, 0.4, 0, 0, 0);
  const impulse = bouncePair(s, 0, 4, 0.4 + 1e-9, 1 / 2, 1, 1);
  close([s[2]!, s[3]!, s[6]!, s[7]!, impulse], [1, 0, 4, 0, 4]);
});

test('head on, inelastic: both go on with the speed of their centre of mass', () => {
  // (2 * 3 + 1 * 0) / 3 = 2 m/s
  const s = Float64Array.of(0, 0, 3, 0, 0.4, 0, 0, 0);
  bouncePair(s, 0, 4, 0.4 + 1e-9, 1 / 2, 1, 0);
  close([s[2]!, s[6]!], [2, 2]);
});

test('a glancing blow changes only the speeds along the line of centres', () => {
  // Centres along (3, 4) / 5; v1 = (5, 0) has 3 along it. Equal masses, elastic: that part changes over.
  const s = Float64Array.of(0, 0, 5, 0, 0.3, 0.4, 0, 0);
  bouncePair(s, 0, 4, 0.5 + 1e-9, 1, 1, 1);
  close([s[2]!, s[3]!, s[6]!, s[7]!], [5 - 1.8, -2.4, 1.8, 2.4]);
});

test('an overlap is undone round the common centre of mass', () => {
  // 0.1 m too deep; 1 kg moves three quarters of it, 3 kg one quarter.
  const s = Float64Array.of(0, 0, 0, 0, 0.3, 0, 0, 0);
  bouncePair(s, 0, 4, 0.4, 1, 1 / 3, 0.5);
  close(s, [-0.075, 0, 0, 0, 0.325, 0, 0, 0]);
});

test('discs that part already, or do not touch, keep their speeds', () => {
  const parting = Float64Array.of(0, 0, -1, 0, 0.3, 0, 2, 0);
  assert.equal(bouncePair(parting, 0, 4, 0.4, 1, 1, 1), 0);
  close([parting[2]!, parting[6]!], [-1, 2]);
  const apart = Float64Array.of(0, 0, 1, 0, 0.5, 0, -1, 0);
  assert.equal(bouncePair(apart, 0, 4, 0.4, 1, 1, 1), 0);
  close(apart, [0, 0, 1, 0, 0.5, 0, -1, 0]);
  assert.ok(Math.abs(overlap(apart, 0, 4, 0.4) + 0.1) < 1e-12);
});

test('1,000 random collisions keep momentum and the centre of mass; elastic ones keep energy, others never gain', () => {
  const random = createRandom(4);
  for (let n = 0; n < 1000; n++) {
    const angle = random.uniform(0, 2 * Math.PI);
    const gap = random.uniform(0.1, 0.5);
    const s = Float64Array.of(
      ...[random.uniform(-2, 2), random.uniform(-2, 2), random.uniform(-3, 3), random.uniform(-3, 3)],
      ...[0, 0, random.uniform(-3, 3), random.uniform(-3, 3)],
    );
    s[4] = s[0]! + gap * Math.cos(angle);
    s[5] = s[1]! + gap * Math.sin(angle);
    const ma = random.uniform(0.2, 5);
    const mb = random.uniform(0.2, 5);
    const restitution = n % 2 === 0 ? 1 : random.uniform();
    const sum = (k: number): number => ma * s[k]! + mb * s[4 + k]!;
    const energy = (): number => ma * (s[2]! ** 2 + s[3]! ** 2) + mb * (s[6]! ** 2 + s[7]! ** 2);
    const before = [sum(0), sum(1), sum(2), sum(3), energy()];
    const impulse = bouncePair(s, 0, 4, 0.5, 1 / ma, 1 / mb, restitution);
    const after = [sum(0), sum(1), sum(2), sum(3), energy()];
    for (let k = 0; k < 4; k++) assert.ok(Math.abs(after[k]! - before[k]!) < 1e-12, `${n}: ${k}`);
    // An approach below 0.05 m/s does not bounce: it may lose what little energy is in it.
    if (restitution === 1) assert.ok(Math.abs(after[4]! - before[4]!) < 0.05 ** 2 * (ma + mb), `energy ${n}`);
    assert.ok(after[4]! <= before[4]! + 1e-12);
    assert.ok(impulse >= 0);
    assert.ok(Math.abs(overlap(s, 0, 4, 0.5)) < 1e-9);
  }
});

test('walls, boxes and posts send a disc back with its restitution and keep the speed along them', () => {
  const wall = Float64Array.of(1.9, 0, 2, 1);
  assert.equal(bounceWall(wall, 0, 0.2, 1, 0, 2, 0.5), 2);
  close(wall, [1.8, 0, -1, 1]);
  // Left face of a box of half size 0.5 in the middle.
  const box = Float64Array.of(-0.6, 0.1, 3, 1);
  bounceBox(box, 0, 0.2, 0, 0, 0.5, 0.5, 1);
  close(box, [-0.7, 0.1, -3, 1]);
  // Post of radius 0.3 straight below.
  const post = Float64Array.of(0, 0.45, 1, -2);
  bouncePost(post, 0, 0.5, 0, 0, 0);
  close(post, [0, 0.5, 1, 0]);
  const corner = Float64Array.of(3, -3, 1, -1);
  bounceInside(corner, 0, 0.2, 2, 1, 1);
  close(corner, [1.8, -0.8, -1, 1]);
});

test('braking takes speed off along the way, and never turns it round', () => {
  const s = Float64Array.of(0, 0, 3, 4);
  brake(s, 0, 1);
  close(s, [0, 0, 2.4, 3.2]);
  brake(s, 0, 10);
  close(s, [0, 0, 0, 0]);
});
