/**
 * The bodies of an episode as objects of the scene, and their poses and colours at a frame. Many bodies of one role and
 * shape (walls of a maze, tiles) are drawn in one go. Whoever makes it disposes it.
 */

import * as three from 'three';
import type { BodyInfo } from '../../lab/api.ts';
import type { Scheme } from '../state/colours.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { crowdGeometryOf, geometryOf, materialOf, roleColour, scaleOf } from './look.ts';
import { corners } from './scenery.ts';

/** So many bodies of one role and shape make a crowd. */
const crowdSize = 12;

/** What is drawn of an episode. */
export type Scene = Pick<LoadedEpisode, 'bodies' | 'poses' | 'colours' | 'length'>;

interface Member {
  readonly crowd: three.InstancedMesh;
  readonly index: number;
}

export class StageBodies {
  readonly group = new three.Group();
  /** Height of the ground. */
  readonly ground: number;
  private readonly scheme: Scheme;
  private readonly infos: readonly BodyInfo[];
  /** A hand hides the goals that it is brought to; elsewhere what is hidden is put away in the ground. */
  private readonly hasHand: boolean;
  /** One a body, with its pose; those of a crowd stand in no scene. */
  private readonly holders: three.Object3D[] = [];
  private readonly members: (Member | null)[] = [];
  private readonly crowds: three.InstancedMesh[] = [];
  /** Bodies whose colour changes, by index. */
  private readonly painted = new Map<number, three.MeshStandardMaterial | null>();
  private readonly materials = new Map<string, three.MeshStandardMaterial>();
  private readonly geometries = new Map<string, three.BufferGeometry>();
  private paintedFrame = -1;
  private readonly colour = new three.Color();
  private readonly from = new three.Quaternion();
  private readonly to = new three.Quaternion();

  constructor(episode: Scene, scheme: Scheme) {
    this.scheme = scheme;
    this.infos = episode.bodies;
    this.hasHand = episode.bodies.some(({ role }) => role === 'gripper');
    const changing = changingOf(episode);
    const kinds = Map.groupBy(
      episode.bodies.flatMap((body, i) => (isDrawn(body, changing.has(i)) ? [i] : [])),
      (i) => kindOf(episode.bodies[i]!),
    );
    const crowds = new Map<string, Member>();
    episode.bodies.forEach((body, i) => {
      const kind = kindOf(body);
      const count = kinds.get(kind)?.length ?? 0;
      const isMember = isDrawn(body, changing.has(i)) && count >= crowdSize;
      const holder = new three.Group();
      holder.name = body.name;
      this.holders.push(holder);
      this.members.push(null);
      if (isMember) {
        const before = crowds.get(kind);
        const crowd = before?.crowd ?? this.addCrowd(body, count);
        const member = { crowd, index: before ? before.index + 1 : 0 };
        crowds.set(kind, member);
        this.members[i] = member;
        holder.scale.fromArray([...scaleOf(body)]);
        crowd.setColorAt(member.index, this.baseColour(i));
        if (changing.has(i)) this.painted.set(i, null);
        return;
      }
      this.group.add(holder);
      if (isDrawn(body, changing.has(i))) this.addMesh(holder, body, i, changing.has(i));
    });
    this.ground = groundOf(episode);
  }

  /** Poses between two frames, colours of the first. */
  place(episode: Scene, frame: number): void {
    const { poses, length } = episode;
    const width = this.infos.length * 7;
    const low = Math.min(Math.floor(frame), length);
    const a = low * width;
    const b = Math.min(low + 1, length) * width;
    const part = Math.min(1, Math.max(0, frame - low));
    this.holders.forEach((holder, i) => {
      const p = a + i * 7;
      const q = b + i * 7;
      holder.position.set(
        poses[p]! + (poses[q]! - poses[p]!) * part,
        poses[p + 1]! + (poses[q + 1]! - poses[p + 1]!) * part,
        poses[p + 2]! + (poses[q + 2]! - poses[p + 2]!) * part,
      );
      holder.quaternion.copy(this.from.fromArray(poses, p + 3).slerp(this.to.fromArray(poses, q + 3), part));
      const member = this.members[i];
      if (!member) return;
      holder.updateMatrix();
      member.crowd.setMatrixAt(member.index, holder.matrix);
    });
    for (const crowd of this.crowds) crowd.instanceMatrix.needsUpdate = true;
    this.paint(episode, low);
  }

  /** Another episode of the same bodies comes on. */
  forget(): void {
    this.paintedFrame = -1;
  }

  dispose(): void {
    for (const geometry of this.geometries.values()) geometry.dispose();
    for (const crowd of this.crowds) crowd.dispose();
    for (const material of this.materials.values()) material.dispose();
    for (const material of this.painted.values()) material?.dispose();
    this.group.traverse((node) => {
      if (!(node instanceof three.LineLoop)) return;
      node.geometry.dispose();
      (node.material as three.Material).dispose();
    });
  }

  private paint({ colours }: Scene, frame: number): void {
    if (!colours || this.painted.size === 0 || frame === this.paintedFrame) return;
    this.paintedFrame = frame;
    for (const [i, material] of this.painted) {
      const at = (frame * this.infos.length + i) * 3;
      const [red, green, blue] = [colours[at]!, colours[at + 1]!, colours[at + 2]!];
      const colour = Number.isNaN(red)
        ? this.baseColour(i)
        : this.colour.setRGB(red, green, blue, three.SRGBColorSpace);
      const member = this.members[i];
      if (member) member.crowd.setColorAt(member.index, colour);
      else material?.color.copy(colour);
    }
    for (const { instanceColor } of this.crowds) if (instanceColor) instanceColor.needsUpdate = true;
  }

  private baseColour(i: number): three.Color {
    const { role, colour } = this.infos[i]!;
    return colour
      ? this.colour.setRGB(...colour, three.SRGBColorSpace)
      : this.colour.set(roleColour(role, this.scheme));
  }

  private addCrowd(body: BodyInfo, count: number): three.InstancedMesh {
    const material = materialOf(body.role, this.scheme);
    material.color.set('#ffffff');
    this.materials.set(`crowd ${kindOf(body)}`, material);
    const geometry = this.geometry(`crowd ${kindOf(body)}`, () => crowdGeometryOf(body));
    const crowd = new three.InstancedMesh(geometry, material, count);
    // Its bounds would have to be found anew whenever something moves.
    crowd.frustumCulled = false;
    this.light(crowd, body);
    this.crowds.push(crowd);
    this.group.add(crowd);
    return crowd;
  }

  private addMesh(holder: three.Object3D, body: BodyInfo, i: number, changes: boolean): void {
    const geometry = this.geometry(JSON.stringify(body.shape), () => geometryOf(body));
    const key = `${body.role} ${body.colour ?? ''}`;
    let material = changes ? undefined : this.materials.get(key);
    if (!material) {
      material = materialOf(body.role, this.scheme);
      material.color.copy(this.baseColour(i));
      if (changes) this.painted.set(i, material);
      else this.materials.set(key, material);
    }
    const mesh = new three.Mesh(geometry, material);
    this.light(mesh, body);
    if (body.role === 'goal') mesh.renderOrder = 2;
    holder.add(mesh);
    if (body.role === 'goal' && body.shape.type !== 'box')
      holder.add(ringOf(body.shape.radius, this.baseColour(i), this.hasHand));
  }

  private light(mesh: three.Mesh, { role }: BodyInfo): void {
    const isSolid = role !== 'goal' && role !== 'marker';
    mesh.castShadow = isSolid && role !== 'floor';
    mesh.receiveShadow = isSolid;
  }

  private geometry(key: string, make: () => three.BufferGeometry): three.BufferGeometry {
    const known = this.geometries.get(key);
    if (known) return known;
    const made = make();
    this.geometries.set(key, made);
    return made;
  }
}

/** The ground grid is the floor, unless the floor's colour says something; shadows are cast, not drawn. */
const isDrawn = (body: BodyInfo, changes: boolean): boolean =>
  body.name !== 'shadow' && (body.role !== 'floor' || changes || body.colour !== undefined);

/** Bodies that one geometry can draw, each in its own size. */
const kindOf = ({ role, shape }: BodyInfo): string =>
  // Caps would be stretched with the length.
  shape.type === 'capsule' ? `${role} capsule ${shape.radius} ${shape.length}` : `${role} ${shape.type}`;

/** The top of the lowest floor, its foot where the floor itself is drawn; without a floor the foot of the lowest body. */
function groundOf(episode: Scene): number {
  const { bodies, poses } = episode;
  const changing = changingOf(episode);
  let floor = Number.POSITIVE_INFINITY;
  let lowest = Number.POSITIVE_INFINITY;
  bodies.forEach((body, i) => {
    let foot = Number.POSITIVE_INFINITY;
    let top = Number.NEGATIVE_INFINITY;
    corners(body, poses, i * 7, (_x, _y, z) => {
      foot = Math.min(foot, z);
      top = Math.max(top, z);
    });
    if (body.role === 'floor') floor = Math.min(floor, isDrawn(body, changing.has(i)) ? foot : top);
    lowest = Math.min(lowest, foot);
  });
  if (Number.isFinite(floor)) return floor;
  return Number.isFinite(lowest) ? lowest : 0;
}

/** Bodies that have a colour of the moment in some frame. */
export function changingOf({ bodies, colours }: Pick<Scene, 'bodies' | 'colours'>): ReadonlySet<number> {
  const found = new Set<number>();
  for (let i = 0; colours && i < colours.length; i += 3) {
    if (!Number.isNaN(colours[i]!)) found.add((i / 3) % bodies.length);
  }
  return found;
}

/** Equal texts, equal looks: what is on the graphics card for one serves the other. */
export const looksOf = (episode: Scene): string =>
  JSON.stringify([episode.bodies, [...changingOf(episode)].sort()]);

/** A level circle around a goal; `isOnTop`: seen through whatever stands before it. */
function ringOf(radius: number, colour: three.Color, isOnTop: boolean): three.LineLoop {
  const points: three.Vector3[] = [];
  for (let i = 0; i < 64; i++) {
    const angle = (i / 64) * 2 * Math.PI;
    points.push(new three.Vector3(Math.cos(angle), Math.sin(angle), 0).multiplyScalar(radius * 1.35));
  }
  const ring = new three.LineLoop(
    new three.BufferGeometry().setFromPoints(points),
    new three.LineBasicMaterial({ color: colour, transparent: true, opacity: 0.9, depthTest: !isOnTop }),
  );
  ring.renderOrder = 2;
  return ring;
}
