/**
 * Contact forces: a dot at each point that presses, an arrow for each pair of bodies, through everything that is in front. An
 * arrow shows the force on the thing rather than on what holds it; its length grows with the root of the force, so that a
 * block's weight is seen beside a grip ten times as strong.
 */

import * as three from 'three';
import type { BodyInfo } from '../../lab/api.ts';
import type { Scheme } from '../state/colours.ts';
import { contactSize, type StageDetails } from '../state/details.ts';

/** Arrows and dots at once at most; a state has seldom more than two dozen. */
const most = 96;

/** Whose force is shown when two touch: the first of these. */
const order: readonly BodyInfo['role'][] = ['object', 'distractor', 'tool', 'fixture', 'link', 'agent'];

export interface Arrow {
  /** Where the force acts: the mean of its points, by their load. */
  readonly at: readonly [number, number, number];
  /** Newtons, world frame. */
  readonly force: readonly [number, number, number];
  readonly size: number;
}

/** Forces at a frame, one a pair of bodies, strongest first. Pure. */
export function arrowsAt(details: StageDetails, bodies: readonly BodyInfo[], frame: number): Arrow[] {
  const { contacts, contactStart, names } = details;
  if (!contacts) return [];
  const rank = (index: number): number => {
    const role = bodies.find(({ name }) => name === names[index])?.role;
    const found = role === undefined ? -1 : order.indexOf(role);
    return found < 0 ? order.length : found;
  };
  const pairs = new Map<string, { load: number; at: number[]; force: number[]; sign: number }>();
  for (let k = contactStart[frame]!; k < contactStart[frame + 1]!; k++) {
    const c = k * contactSize;
    const [a, b] = [contacts[c + 10]!, contacts[c + 11]!];
    const key = `${a} ${b}`;
    let pair = pairs.get(key);
    if (!pair) {
      pair = { load: 0, at: [0, 0, 0], force: [0, 0, 0], sign: rank(a) < rank(b) ? -1 : 1 };
      pairs.set(key, pair);
    }
    const load = contacts[c + 6]!;
    pair.load += load;
    for (let i = 0; i < 3; i++) {
      pair.at[i]! += load * contacts[c + i]!;
      pair.force[i]! += pair.sign * (load * contacts[c + 3 + i]! + contacts[c + 7 + i]!);
    }
  }
  return [...pairs.values()]
    .filter(({ load }) => load > 0)
    .map(({ load, at, force }): Arrow => {
      const size = Math.hypot(...force);
      return {
        at: [at[0]! / load, at[1]! / load, at[2]! / load],
        force: [force[0]!, force[1]!, force[2]!],
        size,
      };
    })
    .sort((one, other) => other.size - one.size);
}

/** The strongest force of a pair in the whole episode, N. */
export function strongestOf(details: StageDetails, bodies: readonly BodyInfo[]): number {
  let strongest = 0;
  for (let t = 0; t + 1 < details.contactStart.length; t++)
    strongest = Math.max(strongest, arrowsAt(details, bodies, t)[0]?.size ?? 0);
  return strongest;
}

const up = new three.Vector3(0, 1, 0);

/** Shafts, heads and dots, each drawn in one go. Whoever makes it disposes it. */
export class ForceArrows {
  readonly group = new three.Group();
  private readonly material = new three.MeshBasicMaterial({
    transparent: true,
    opacity: 0.92,
    depthTest: false,
    depthWrite: false,
    toneMapped: false,
  });
  private readonly shafts = this.crowd(new three.CylinderGeometry(0.5, 0.5, 1, 10).translate(0, 0.5, 0));
  private readonly heads = this.crowd(new three.ConeGeometry(1, 1, 14).translate(0, 0.5, 0));
  private readonly dots = this.crowd(new three.SphereGeometry(1, 10, 8));
  private readonly matrix = new three.Matrix4();
  private readonly turn = new three.Quaternion();
  private readonly at = new three.Vector3();
  private readonly direction = new three.Vector3();
  private readonly scale = new three.Vector3();

  /** reach: half the size of what is looked at, metres; strongest: the force of the longest arrow, N. */
  place(
    details: StageDetails,
    bodies: readonly BodyInfo[],
    frame: number,
    reach: number,
    strongest: number,
  ): void {
    const arrows = arrowsAt(details, bodies, frame).slice(0, most);
    const longest = 0.36 * reach;
    const width = 0.011 * reach;
    arrows.forEach(({ at, force, size }, i) => {
      const length = longest * Math.sqrt(size / Math.max(strongest, 1e-9));
      const head = Math.min(length * 0.6, 3.4 * width);
      this.at.fromArray([...at]);
      this.direction.fromArray([...force]).divideScalar(Math.max(size, 1e-9));
      this.turn.setFromUnitVectors(up, this.direction);
      this.matrix.compose(this.at, this.turn, this.scale.set(width, Math.max(1e-6, length - head), width));
      this.shafts.setMatrixAt(i, this.matrix);
      this.at.addScaledVector(this.direction, length - head);
      this.matrix.compose(this.at, this.turn, this.scale.set(1.35 * width, head, 1.35 * width));
      this.heads.setMatrixAt(i, this.matrix);
    });
    this.show(this.shafts, arrows.length);
    this.show(this.heads, arrows.length);
    const { contacts, contactStart } = details;
    let dots = 0;
    for (let k = contactStart[frame]!; contacts && k < contactStart[frame + 1]! && dots < most; k++) {
      const c = k * contactSize;
      this.at.set(contacts[c]!, contacts[c + 1]!, contacts[c + 2]!);
      this.matrix.compose(this.at, this.turn.identity(), this.scale.setScalar(0.65 * width));
      this.dots.setMatrixAt(dots++, this.matrix);
    }
    this.show(this.dots, dots);
  }

  setScheme(scheme: Scheme): void {
    this.material.color.set(scheme === 'dark' ? '#ff6bd0' : '#c2188a');
  }

  dispose(): void {
    for (const crowd of [this.shafts, this.heads, this.dots]) {
      crowd.geometry.dispose();
      crowd.dispose();
    }
    this.material.dispose();
  }

  private crowd(geometry: three.BufferGeometry): three.InstancedMesh {
    const crowd = new three.InstancedMesh(geometry, this.material, most);
    crowd.count = 0;
    crowd.frustumCulled = false;
    crowd.renderOrder = 5;
    this.group.add(crowd);
    return crowd;
  }

  private show(crowd: three.InstancedMesh, count: number): void {
    crowd.count = count;
    crowd.instanceMatrix.needsUpdate = true;
  }
}
