/**
 * Discs on a plane that push each other and bounce off what stands still. Frictionless contacts, so a disc does not spin:
 * four numbers each, in metres and m/s. Momentum of a pair is kept exactly up to rounding; with restitution 1 so is energy.
 *
 * A contact with unit normal n (from b to a), relative speed u = (va - vb).n < 0 and inverse masses wa, wb:
 *
 *   j  = -(1 + e) u / (wa + wb)        impulse, N s
 *   va += wa j n,  vb -= wb j n
 *
 * and the overlap d is undone by moving a by wa d / (wa + wb) and b by wb d / (wa + wb), which leaves their common centre
 * of mass where it is. What stands still has w = 0.
 */

import { discInBox, discInDisc } from './flat.ts';

/** Where the numbers of a disc lie, from its first one. */
export const disc = { px: 0, py: 1, vx: 2, vy: 3, size: 4 } as const;

/** Below this speed of approach a contact does not bounce, m/s: discs that lean on each other come to rest. */
const quiet = 0.05;

const normal = new Float64Array(2);

/**
 * One disc against something that stands still: depth in metres along the unit normal (nx, ny) by which it leaves.
 * Returns the speed at which it met the thing, 0 where it was not approaching.
 */
function bounceOff(
  s: Float64Array,
  a: number,
  nx: number,
  ny: number,
  depth: number,
  restitution: number,
): number {
  s[a]! += nx * depth;
  s[a + 1]! += ny * depth;
  const speed = s[a + 2]! * nx + s[a + 3]! * ny;
  if (speed >= 0) return 0;
  const change = -(speed < -quiet ? 1 + restitution : 1) * speed;
  s[a + 2]! += change * nx;
  s[a + 3]! += change * ny;
  return -speed;
}

/** How deep two discs overlap, m; negative: how far apart they are. `reach` is the sum of their radii. */
export function overlap(s: Float64Array, a: number, b: number, reach: number): number {
  const x = s[a]! - s[b]!;
  const y = s[a + 1]! - s[b + 1]!;
  return reach - Math.sqrt(x * x + y * y);
}

/**
 * Two discs at `a` and `b`: where they overlap they are parted, where they approach they bounce. `reach` is the sum of
 * their radii, wa and wb are inverse masses (1/kg), not both 0. Returns the impulse, N s (0: no contact, or parting already).
 */
export function bouncePair(
  s: Float64Array,
  a: number,
  b: number,
  reach: number,
  wa: number,
  wb: number,
  restitution: number,
): number {
  const depth = discInDisc(s[a]!, s[a + 1]!, reach, s[b]!, s[b + 1]!, 0, normal);
  if (depth === 0) return 0;
  const nx = normal[0]!;
  const ny = normal[1]!;
  const w = wa + wb;
  const moveA = (wa * depth) / w;
  const moveB = (wb * depth) / w;
  s[a]! += moveA * nx;
  s[a + 1]! += moveA * ny;
  s[b]! -= moveB * nx;
  s[b + 1]! -= moveB * ny;
  const speed = (s[a + 2]! - s[b + 2]!) * nx + (s[a + 3]! - s[b + 3]!) * ny;
  if (speed >= 0) return 0;
  const impulse = (-(speed < -quiet ? 1 + restitution : 1) * speed) / w;
  s[a + 2]! += wa * impulse * nx;
  s[a + 3]! += wa * impulse * ny;
  s[b + 2]! -= wb * impulse * nx;
  s[b + 3]! -= wb * impulse * ny;
  return impulse;
}

/** A disc against a round post that stands still. `reach` is the sum of the radii. Returns the speed of the impact. */
export function bouncePost(
  s: Float64Array,
  a: number,
  reach: number,
  x: number,
  y: number,
  restitution: number,
): number {
  const depth = discInDisc(s[a]!, s[a + 1]!, reach, x, y, 0, normal);
  return depth === 0 ? 0 : bounceOff(s, a, normal[0]!, normal[1]!, depth, restitution);
}

/** A disc against an axis-aligned box that stands still. Returns the speed of the impact. */
export function bounceBox(
  s: Float64Array,
  a: number,
  radius: number,
  cx: number,
  cy: number,
  hx: number,
  hy: number,
  restitution: number,
): number {
  const depth = discInBox(s[a]!, s[a + 1]!, radius, cx, cy, hx, hy, normal);
  return depth === 0 ? 0 : bounceOff(s, a, normal[0]!, normal[1]!, depth, restitution);
}

/** A disc kept where x nx + y ny <= limit (unit normal pointing out). Returns the speed of the impact. */
export function bounceWall(
  s: Float64Array,
  a: number,
  radius: number,
  nx: number,
  ny: number,
  limit: number,
  restitution: number,
): number {
  const depth = s[a]! * nx + s[a + 1]! * ny + radius - limit;
  return depth <= 0 ? 0 : bounceOff(s, a, -nx, -ny, depth, restitution);
}

/** A disc kept inside |x| <= hx, |y| <= hy. */
export function bounceInside(
  s: Float64Array,
  a: number,
  radius: number,
  hx: number,
  hy: number,
  restitution: number,
): void {
  const x = hx - radius;
  const y = hy - radius;
  if (s[a]! > x) bounceOff(s, a, -1, 0, s[a]! - x, restitution);
  else if (s[a]! < -x) bounceOff(s, a, 1, 0, -x - s[a]!, restitution);
  if (s[a + 1]! > y) bounceOff(s, a, 0, -1, s[a + 1]! - y, restitution);
  else if (s[a + 1]! < -y) bounceOff(s, a, 0, 1, -y - s[a + 1]!, restitution);
}

/**
 * Sliding or rolling friction: slows a disc by `change` m/s (deceleration times time), to rest at most.
 */
export function brake(s: Float64Array, a: number, change: number): void {
  const vx = s[a + 2]!;
  const vy = s[a + 3]!;
  const speed = Math.sqrt(vx * vx + vy * vy);
  const keep = speed > change ? (speed - change) / speed : 0;
  s[a + 2] = vx * keep;
  s[a + 3] = vy * keep;
}
