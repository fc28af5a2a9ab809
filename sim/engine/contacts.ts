/**
 * Contacts of a row for whoever looks on: where bodies touch, and the forces that the last physics step left in the row. A pure
 * function of the row; nothing here is part of the dynamics.
 *
 * The row keeps, per manifold, the impulses of the last substep and the ids of its points, but no places: those are found anew
 * for the poses of the row, by the narrow phase itself. The poses are those after the step, the impulses those of the step, so a
 * point may have got another id in between; what no id claims is shared by the points there are, as the solver does.
 */

import type { Contact } from '../env.ts';
import {
  boxBox,
  boxCapsule,
  boxSphere,
  capsuleCapsule,
  capsuleSphere,
  hit,
  planeBox,
  planeCapsule,
  planeSphere,
  sphereSphere,
} from './collide.ts';
import { manifoldSize } from './scene.ts';
import { type Solver, setFrame, frame as tangents } from './solver.ts';

/** Shapes this far apart may still have touched in the last step, metres. */
const reach = 0.02;

/** Pairs of body indices that pressed on each other in the last physics step, each once. Cheap: only the impulses are read. */
export function touchingBodies(solver: Solver, state: Float64Array, o: number): [a: number, b: number][] {
  const t = solver.tables;
  const end = o + solver.stateDim;
  const found: [number, number][] = [];
  for (let at = o + solver.cacheAt; at < end && state[at]! > 0; at += manifoldSize) {
    const pair = state[at]! - 1;
    const a = t.shapeBody[t.pairA[pair]!]!;
    const b = t.shapeBody[t.pairB[pair]!]!;
    if (!found.some(([x, y]) => x === a && y === b)) found.push([a, b]);
  }
  return found;
}

export function contactsOf(solver: Solver, state: Float64Array, o: number): Contact[] {
  const t = solver.tables;
  const end = o + solver.stateDim;
  const perImpulse = t.substeps / t.physicsDt;
  const contacts: Contact[] = [];
  solver.kinematics(state, o);
  for (let at = o + solver.cacheAt; at < end && state[at]! > 0; at += manifoldSize) {
    const pair = state[at]! - 1;
    const a = t.pairA[pair]!;
    const b = t.pairB[pair]!;
    solver.placeShape(a);
    solver.placeShape(b);
    findPoints(solver, a, b);
    const count = hit.count;
    if (count === 0) continue;
    // Normal impulses by id; the rest in equal parts.
    const shares: number[] = [];
    let unclaimed = 0;
    for (let j = 0; j < 4; j++) unclaimed += state[at + 5 + j]!;
    const total = unclaimed;
    for (let i = 0; i < count; i++) {
      let share = -1;
      for (let j = 0; j < 4; j++) {
        if (state[at + 1 + j] !== hit.id[i]! + 1) continue;
        share = state[at + 5 + j]!;
        unclaimed -= share;
      }
      shares.push(share);
    }
    const strangers = shares.filter((share) => share < 0).length;
    if (strangers === 0) unclaimed = 0;
    const known = shares.reduce((sum, share) => sum + Math.max(0, share), 0);
    // Where all points are known and some impulse has no point any more, the known ones carry it in proportion.
    const scale = strangers === 0 && known > 0 ? total / known : 1;
    setFrame();
    for (let i = 0; i < count; i++) {
      const normal = shares[i]! < 0 ? Math.max(0, unclaimed) / strangers : shares[i]! * scale;
      if (normal === 0) continue;
      // Friction acts once a manifold, at its middle: here each point has a part as large as its part of the load.
      const u = state[at + 9]! * (normal / total) * perImpulse;
      const v = state[at + 10]! * (normal / total) * perImpulse;
      contacts.push({
        point: [hit.x[i]!, hit.y[i]!, hit.z[i]!],
        normal: [hit.nx, hit.ny, hit.nz],
        force: normal * perImpulse,
        friction: [
          u * tangents[3]! + v * tangents[6]!,
          u * tangents[4]! + v * tangents[7]!,
          u * tangents[5]! + v * tangents[8]!,
        ],
        bodyA: t.bodyNames[t.shapeBody[a]!]!,
        bodyB: t.bodyNames[t.shapeBody[b]!]!,
      });
    }
  }
  return contacts;
}

/** Points of two shapes, into `hit`. */
function findPoints(solver: Solver, a: number, b: number): void {
  const { shapePos: pos, shapeRot: rot, tables: t } = solver;
  const size = t.shapeSize;
  hit.count = 0;
  switch (t.shapeType[a]! * 4 + t.shapeType[b]!) {
    case 1:
      planeBox(pos, rot, size, a, b, reach);
      break;
    case 2:
      planeCapsule(pos, rot, size, a, b, reach);
      break;
    case 3:
      planeSphere(pos, rot, size, a, b, reach);
      break;
    case 5:
      boxBox(pos, rot, size, a, b, reach);
      break;
    case 6:
      boxCapsule(pos, rot, size, a, b, reach);
      break;
    case 7:
      boxSphere(pos, rot, size, a, b, reach);
      break;
    case 10:
      capsuleCapsule(pos, rot, size, a, b, reach);
      break;
    case 11:
      capsuleSphere(pos, rot, size, a, b, reach);
      break;
    case 15:
      sphereSphere(pos, size, a, b, reach);
      break;
  }
}
