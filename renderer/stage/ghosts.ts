/**
 * The other players as ghosts in the first one's scene: what moves of them, translucent in their letter's colour, each with a thin
 * trail. Whoever makes it disposes it.
 */

import * as three from 'three';
import { Line2 } from 'three/examples/jsm/lines/Line2.js';
import { LineGeometry } from 'three/examples/jsm/lines/LineGeometry.js';
import { LineMaterial } from 'three/examples/jsm/lines/LineMaterial.js';
import type { BodyInfo } from '../../lab/api.ts';
import { meanPositions } from '../state/align.ts';
import { letterColour, type Scheme } from '../state/colours.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import type { SlotName } from '../state/players.ts';
import { StageBodies } from './bodies.ts';
import type { StageLayer } from './layer.ts';

/** What every episode of a task has in the same place is drawn once. */
const scenery: ReadonlySet<BodyInfo['role']> = new Set(['floor', 'table', 'wall', 'screen', 'marker']);

/** Whose path is drawn, the first that there is. */
const trailed: readonly BodyInfo['role'][] = ['gripper', 'agent', 'object', 'link'];

interface Ghost {
  readonly name: SlotName;
  readonly episode: LoadedEpisode;
  readonly bodies: StageBodies;
  readonly material: three.MeshStandardMaterial;
  readonly trail: Line2 | null;
  frame: number;
}

export class GhostLayer implements StageLayer {
  readonly object = new three.Group();
  private readonly ghosts: readonly Ghost[];
  private readonly frameOf: (name: SlotName) => number;

  /** @param frameOf where the clock stands in a player */
  constructor(
    others: readonly { readonly name: SlotName; readonly episode: LoadedEpisode }[],
    scheme: Scheme,
    frameOf: (name: SlotName) => number,
  ) {
    this.frameOf = frameOf;
    this.ghosts = others.map(({ name, episode }) => this.raise(name, episode, scheme));
    this.follow();
  }

  /** To where the clock stands; whether anything moved. */
  follow(): boolean {
    let moved = false;
    for (const ghost of this.ghosts) {
      const frame = this.frameOf(ghost.name);
      if (frame === ghost.frame) continue;
      ghost.frame = frame;
      ghost.bodies.place(ghost.episode, frame);
      moved = true;
      if (!ghost.trail) continue;
      const low = Math.min(Math.floor(frame), ghost.episode.length);
      ghost.trail.visible = low > 0;
      ghost.trail.geometry.instanceCount = low;
    }
    return moved;
  }

  dispose(): void {
    for (const { bodies, material, trail } of this.ghosts) {
      bodies.dispose();
      material.dispose();
      trail?.geometry.dispose();
      trail?.material.dispose();
    }
  }

  private raise(name: SlotName, episode: LoadedEpisode, scheme: Scheme): Ghost {
    const colour = letterColour(name, scheme);
    const bodies = new StageBodies(episode, scheme);
    const material = new three.MeshStandardMaterial({
      color: colour,
      roughness: 0.6,
      transparent: true,
      opacity: 0.34,
      // Behind what stands in the same place: at frame 0 a ghost is where the first player is.
      polygonOffset: true,
      polygonOffsetFactor: 1,
      polygonOffsetUnits: 2,
    });
    haunt(bodies, episode, material);
    this.object.add(bodies.group);
    const trail = trailOf(episode, colour);
    if (trail) this.object.add(trail);
    return { name, episode, bodies, material, trail, frame: Number.NaN };
  }
}

/** Hides the scenery, gives the rest the ghost's material and takes its shadow away. */
export function haunt(
  bodies: StageBodies,
  episode: LoadedEpisode,
  material: three.MeshStandardMaterial,
): void {
  const roles = new Map(episode.bodies.map(({ name, role }) => [name, role]));
  bodies.group.traverse((node) => {
    if (node instanceof three.Mesh) {
      node.material = material;
      node.castShadow = false;
      node.receiveShadow = false;
      node.renderOrder = 1;
    }
    if (node instanceof three.LineLoop) (node.material as three.LineBasicMaterial).color.copy(material.color);
    const role = roles.get(node.name);
    if (role && scenery.has(role)) node.visible = false;
    // A goal is a ring; its ball would hide what reaches it.
    if (role === 'goal')
      for (const child of node.children) if (child instanceof three.Mesh) child.visible = false;
  });
}

function trailOf(episode: LoadedEpisode, colour: string): Line2 | null {
  const members = trailed
    .map((role) => episode.bodies.flatMap((body, i) => (body.role === role ? [i] : [])))
    .find((found) => found.length > 0);
  if (!members || episode.length === 0) return null;
  const geometry = new LineGeometry();
  geometry.setPositions(Float32Array.from(meanPositions(episode, members)));
  const line = new Line2(
    geometry,
    new LineMaterial({ color: colour, linewidth: 1.3, opacity: 0.75, transparent: true, depthWrite: false }),
  );
  line.frustumCulled = false;
  line.renderOrder = 3;
  return line;
}
