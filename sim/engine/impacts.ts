/**
 * What discs, and other bodies on a plane, did to each other during one control step, noted while that step is simulated again: impulses are
 * gone from the state by its end, since their contacts are settled at once. One contact a pair, its force the mean over the control step.
 */

import type { Contact } from '../env.ts';

interface Pair {
  readonly bodyA: string;
  readonly bodyB: string;
  /** On B, N s. */
  x: number;
  y: number;
  /** Places weighted by the sizes of their impulses; of a touch without one the last place. */
  atX: number;
  atY: number;
  load: number;
  /** From A to B, where it was touched last. */
  nx: number;
  ny: number;
}

export class Impacts {
  readonly #pairs = new Map<string, Pair>();

  /** Two discs at `a` and `b` of a row; `impulse` (N s, none of a mere touch) drives them apart. `radius`: of the first, m. */
  pair(
    s: Float64Array,
    bodyA: string,
    a: number,
    radius: number,
    bodyB: string,
    b: number,
    impulse: number,
  ): void {
    const x = s[b]! - s[a]!;
    const y = s[b + 1]! - s[a + 1]!;
    const distance = Math.sqrt(x * x + y * y);
    if (distance === 0) return;
    const nx = x / distance;
    const ny = y / distance;
    this.note(bodyA, bodyB, s[a]! + radius * nx, s[a + 1]! + radius * ny, nx, ny, impulse);
  }

  /** A disc at `b`, which something that stands still has given another velocity than (vx, vy). mass: kg. */
  against(
    s: Float64Array,
    bodyA: string,
    bodyB: string,
    b: number,
    radius: number,
    mass: number,
    vx: number,
    vy: number,
  ): void {
    const x = mass * (s[b + 2]! - vx);
    const y = mass * (s[b + 3]! - vy);
    const impulse = Math.sqrt(x * x + y * y);
    if (impulse === 0) return;
    const nx = x / impulse;
    const ny = y / impulse;
    this.note(bodyA, bodyB, s[b]! - radius * nx, s[b + 1]! - radius * ny, nx, ny, impulse);
  }

  /** Any two bodies that met at (x, y), m, with unit normal (nx, ny) from A to B and the impulse on B along it, N s. */
  note(bodyA: string, bodyB: string, x: number, y: number, nx: number, ny: number, impulse: number): void {
    const key = `${bodyA} ${bodyB}`;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = { bodyA, bodyB, x: 0, y: 0, atX: 0, atY: 0, load: 0, nx, ny };
      this.#pairs.set(key, pair);
    }
    pair.x += impulse * nx;
    pair.y += impulse * ny;
    pair.nx = nx;
    pair.ny = ny;
    if (impulse === 0 && pair.load === 0) {
      pair.atX = x;
      pair.atY = y;
    } else {
      // The place of a touch counts for nothing once something pressed.
      const share = impulse / (pair.load + impulse);
      pair.atX += share * (x - pair.atX);
      pair.atY += share * (y - pair.atY);
    }
    pair.load += impulse;
  }

  /** seconds: over which the forces are taken; z: height of the places, m. */
  contacts(seconds: number, z: number): Contact[] {
    return [...this.#pairs.values()].map(({ bodyA, bodyB, x, y, atX, atY, nx, ny }): Contact => {
      const impulse = Math.sqrt(x * x + y * y);
      return {
        point: [atX, atY, z],
        normal: impulse > 0 ? [x / impulse, y / impulse, 0] : [nx, ny, 0],
        force: impulse / seconds,
        friction: [0, 0, 0],
        bodyA,
        bodyB,
      };
    });
  }
}
