/**
 * Many worlds of one task in one picture: one instanced mesh a kind of body, whatever the number of worlds. Draws when a
 * snapshot came or the camera moved, nothing else; between two snapshots it moves things only where a GPU draws. Whoever
 * makes it disposes it.
 */

import * as three from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import type { BodyInfo } from '../../lab/api.ts';
import { hues, type Scheme } from '../state/colours.ts';
import type { WorldsFrame } from '../state/live.ts';
import { frame, type Vector } from './framing.ts';
import { crowdGeometryOf, materialOf, roleColour, scaleOf } from './look.ts';
import { rendersInSoftware } from './set.ts';
import { type Cell, cellOf, drawnIn, hasLeft, type Places, placesOf, worldAt } from './worlds-grid.ts';

export interface WorldsEvents {
  /** Which place the pointer is over, -1: none; in CSS pixels of the canvas. */
  onHover(place: number, x: number, y: number): void;
  onPick(place: number): void;
}

/** Vertical, degrees. */
const fieldOfView = 32;
const viewDirection: Vector = [0, -0.8, 0.78];
/** Milliseconds over which a world moves from one snapshot to the next. */
const glideMs = 80;
/** Control steps between two snapshots up to which what lies between them may be guessed. */
const nearSteps = 8;
/** Pixels that a click may slip. */
const slip = 4;

const colourOf = { true: hues[2]!, learned: hues[1]! };
const plateColours = {
  dark: { plain: '#3f4856', won: '#1d5a49' },
  light: { plain: '#cfd5dd', won: '#a3dcc6' },
} as const;

/** Bodies that one mesh draws in all worlds. */
interface Kind {
  readonly mesh: three.InstancedMesh;
  readonly members: readonly number[];
}

export class WorldsView {
  readonly isSoftware = rendersInSoftware();
  private readonly renderer: three.WebGLRenderer;
  private readonly canvas: HTMLCanvasElement;
  private readonly scene = new three.Scene();
  private readonly camera = new three.PerspectiveCamera(fieldOfView, 1, 0.02, 400);
  private readonly controls: OrbitControls;
  private readonly resizer: ResizeObserver;
  private readonly events: WorldsEvents;
  private readonly moves: boolean;
  private readonly box = new three.BoxGeometry(1, 1, 1);
  private scheme: Scheme;
  private bodies: readonly BodyInfo[] = [];
  private kinds: Kind[] = [];
  private plates: three.InstancedMesh | null = null;
  private bars: three.InstancedMesh | null = null;
  private cell: Cell | null = null;
  private places: Places | null = null;
  private before: WorldsFrame | null = null;
  private now: WorldsFrame | null = null;
  private shownAt = 0;
  private request = 0;
  private fence: WebGLSync | null = null;
  private isHidden = false;
  /** Moved by hand: the camera stays where it is while the same worlds are shown. */
  private isMoved = false;
  private pressed: { x: number; y: number } | null = null;

  private readonly matrix = new three.Matrix4();
  private readonly position = new three.Vector3();
  private readonly scale = new three.Vector3();
  private readonly from = new three.Quaternion();
  private readonly to = new three.Quaternion();
  private readonly colour = new three.Color();

  constructor(
    host: HTMLElement,
    options: { readonly scheme: Scheme; readonly reducedMotion: boolean },
    events: WorldsEvents,
  ) {
    this.events = events;
    this.scheme = options.scheme;
    this.moves = !this.isSoftware && !options.reducedMotion;
    this.renderer = new three.WebGLRenderer({ antialias: !this.isSoftware, alpha: true });
    this.renderer.setPixelRatio(this.isSoftware ? 1 : Math.min(devicePixelRatio, 2));
    this.renderer.toneMapping = three.ACESFilmicToneMapping;
    this.canvas = this.renderer.domElement;
    host.append(this.canvas);
    const sky = new three.HemisphereLight('#ffffff', '#8c8578', 1.5);
    sky.position.set(0, 0, 1);
    const sun = new three.DirectionalLight('#fff4e2', 2.2);
    sun.position.set(1.1, -1.5, 2.9);
    this.scene.add(sky, sun);
    this.camera.up.set(0, 0, 1);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.enableDamping = false;
    this.controls.maxPolarAngle = Math.PI * 0.48;
    this.controls.addEventListener('start', () => {
      this.isMoved = true;
    });
    this.controls.addEventListener('change', () => this.invalidate());
    this.canvas.addEventListener('pointermove', this.hover);
    this.canvas.addEventListener('pointerleave', this.leave);
    this.canvas.addEventListener('pointerdown', this.press);
    this.canvas.addEventListener('pointerup', this.release);
    this.canvas.addEventListener('webglcontextrestored', this.redraw);
    this.resizer = new ResizeObserver(() => this.resize(host));
    this.resizer.observe(host);
    this.resize(host);
  }

  /** Another task, or none. */
  setBodies(bodies: readonly BodyInfo[]): void {
    this.clear();
    this.bodies = bodies;
    this.invalidate();
  }

  show(next: WorldsFrame): void {
    if (this.isHidden || this.bodies.length === 0) return;
    const isOther = this.now === null || String(this.now.ids) !== String(next.ids);
    this.before = isOther ? null : this.now;
    this.now = next;
    this.shownAt = performance.now();
    if (isOther || this.cell === null) this.lay(next, false);
    else if (hasLeft(this.cell, this.bodies, next.poses)) this.lay(next, true);
    this.paint(next);
    this.invalidate();
  }

  setScheme(scheme: Scheme): void {
    if (scheme === this.scheme) return;
    this.scheme = scheme;
    if (this.now) this.lay(this.now, (this.cell?.runner ?? -1) >= 0);
    if (this.now) this.paint(this.now);
    this.invalidate();
  }

  /** Sees all worlds again. */
  fit(): void {
    this.isMoved = false;
    this.frameAll();
    this.invalidate();
  }

  /** Resolves when the last snapshot is on the screen: whoever waits for it before asking for more never floods. */
  async drawn(): Promise<void> {
    while (this.request > 0 || !this.isPictureDone()) {
      await new Promise((resolve) => {
        setTimeout(resolve, 15);
      });
    }
  }

  dispose(): void {
    cancelAnimationFrame(this.request);
    this.request = -1;
    this.fence = null;
    this.resizer.disconnect();
    this.canvas.removeEventListener('pointermove', this.hover);
    this.canvas.removeEventListener('pointerleave', this.leave);
    this.canvas.removeEventListener('pointerdown', this.press);
    this.canvas.removeEventListener('pointerup', this.release);
    this.canvas.removeEventListener('webglcontextrestored', this.redraw);
    this.controls.dispose();
    this.clear();
    this.box.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.canvas.remove();
  }

  // Laying out

  /** New meshes for these worlds, and where each stands. */
  private lay(next: WorldsFrame, goesAlong: boolean): void {
    this.clearMeshes();
    const count = next.ids.length;
    this.cell = cellOf(this.bodies, next.poses, goesAlong);
    this.places = placesOf(count, this.cell, this.camera.aspect);
    const groups = Map.groupBy(drawnIn(this.bodies), (i) => kindOf(this.bodies[i]!));
    for (const members of groups.values()) {
      const body = this.bodies[members[0]!]!;
      const material = materialOf(body.role, this.scheme);
      material.color.set('#ffffff');
      const mesh = new three.InstancedMesh(crowdGeometryOf(body), material, members.length * count);
      // Its bounds would have to be found anew with every snapshot.
      mesh.frustumCulled = false;
      this.kinds.push({ mesh, members });
      this.scene.add(mesh);
      members.forEach((i, k) => {
        for (let world = 0; world < count; world++)
          mesh.setColorAt(world * members.length + k, this.colourAt(next, world, i));
      });
    }
    this.plates = this.slabs(count);
    this.bars = this.slabs(3 * count);
    if (!this.isMoved) this.frameAll();
  }

  private slabs(count: number): three.InstancedMesh {
    const material = new three.MeshStandardMaterial({ roughness: 0.9 });
    const mesh = new three.InstancedMesh(this.box, material, count);
    mesh.frustumCulled = false;
    this.scene.add(mesh);
    return mesh;
  }

  private colourAt({ colours }: WorldsFrame, world: number, i: number): three.Color {
    const { role, colour } = this.bodies[i]!;
    const at = (world * this.bodies.length + i) * 3;
    if (colours && !Number.isNaN(colours[at]!))
      return this.colour.setRGB(colours[at]!, colours[at + 1]!, colours[at + 2]!, three.SRGBColorSpace);
    return colour
      ? this.colour.setRGB(...colour, three.SRGBColorSpace)
      : this.colour.set(roleColour(role, this.scheme));
  }

  /** Plates, bars and colours that change: of the newest snapshot, never between two. */
  private paint(next: WorldsFrame): void {
    const { cell, places, plates, bars } = this;
    if (!cell || !places || !plates || !bars) return;
    const wide = cell.high[0] - cell.low[0];
    const deep = cell.high[1] - cell.low[1];
    const size = Math.max(wide, deep);
    const ground = this.ground();
    const tones = plateColours[this.scheme];
    next.ids.forEach((_, world) => {
      const [x, y] = [places.at[world * 2]!, places.at[world * 2 + 1]!];
      const thick = 0.02 * size;
      this.slab(plates, world, [x, y, ground - thick / 2], [1.06 * wide, 1.06 * deep, thick]);
      plates.setColorAt(world, this.colour.set(next.success[world] === 1 ? tones.won : tones.plain));
      const front = y - 0.53 * deep;
      const height = 0.045 * size;
      const learned = next.learned?.[world] ?? Number.NaN;
      const bar = (k: number, share: number, below: number, colour: string): void => {
        const part = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
        const long = 1.06 * wide * part;
        const left = x - 0.53 * wide;
        // A thing of size 0 has no inverse; nothing is drawn of a thing below the ground.
        this.slab(
          bars,
          3 * world + k,
          [left + long / 2, front - below, part > 0 ? ground : ground - 1000],
          [Math.max(long, 1e-6), height, 1.4 * thick],
        );
        bars.setColorAt(3 * world + k, this.colour.set(colour));
      };
      bar(0, next.progress[world]!, height, colourOf.true[this.scheme]);
      bar(1, learned, 2.2 * height, colourOf.learned[this.scheme]);
      bar(2, 1, Number.isFinite(learned) ? 3.1 * height : 1.9 * height, tones.plain);
      this.slab(
        bars,
        3 * world + 2,
        [x, front - 1.6 * height, ground - 1.2 * thick],
        [1.06 * wide, (Number.isFinite(learned) ? 2.4 : 1.4) * height, thick],
      );
    });
    if (next.colours) {
      for (const { mesh, members } of this.kinds)
        members.forEach((i, k) => {
          for (let world = 0; world < next.ids.length; world++)
            mesh.setColorAt(world * members.length + k, this.colourAt(next, world, i));
        });
    }
    for (const mesh of [plates, bars, ...(next.colours ? this.kinds.map((kind) => kind.mesh) : [])]) {
      mesh.instanceMatrix.needsUpdate = true;
      if (mesh.instanceColor) mesh.instanceColor.needsUpdate = true;
    }
  }

  private slab(mesh: three.InstancedMesh, i: number, at: Vector, size: Vector): void {
    this.matrix.makeScale(...size).setPosition(...at);
    mesh.setMatrixAt(i, this.matrix);
  }

  private ground(): number {
    return this.cell?.low[2] ?? 0;
  }

  /** part: 0 at the snapshot before, 1 at the newest. */
  private pose(part: number): void {
    const { now, cell, places } = this;
    if (!now || !cell || !places) return;
    const { length } = this.bodies;
    const middle = [(cell.low[0] + cell.high[0]) / 2, (cell.low[1] + cell.high[1]) / 2] as const;
    const reachX = 0.8 * (cell.high[0] - cell.low[0]);
    const reachY = 0.8 * (cell.high[1] - cell.low[1]);
    for (let world = 0; world < now.ids.length; world++) {
      const mix = this.isNear(world) ? part : 1;
      const q = now.poses;
      const p = mix < 1 ? this.before!.poses : q;
      const base = world * length * 7;
      const at = (poses: Float32Array, i: number, axis: number): number => poses[base + i * 7 + axis]!;
      const between = (i: number, axis: number): number =>
        at(p, i, axis) + (at(q, i, axis) - at(p, i, axis)) * mix;
      const alongX = cell.runner < 0 ? 0 : between(cell.runner, 0);
      const alongY = cell.runner < 0 ? 0 : between(cell.runner, 1);
      for (const { mesh, members } of this.kinds) {
        members.forEach((i, k) => {
          const x = between(i, 0) - alongX - middle[0];
          const y = between(i, 1) - alongY - middle[1];
          this.from.fromArray(p, base + i * 7 + 3);
          if (mix < 1) this.from.slerp(this.to.fromArray(q, base + i * 7 + 3), mix);
          // What has left its place would stand in a neighbour's.
          const isOut = Math.abs(x) > reachX || Math.abs(y) > reachY;
          this.position.set(
            x + places.at[world * 2]!,
            y + places.at[world * 2 + 1]!,
            isOut ? -1000 : between(i, 2),
          );
          this.matrix.compose(this.position, this.from, this.scale.fromArray([...scaleOf(this.bodies[i]!)]));
          mesh.setMatrixAt(world * members.length + k, this.matrix);
        });
      }
    }
    for (const { mesh } of this.kinds) mesh.instanceMatrix.needsUpdate = true;
  }

  /** Whether a world went on from the snapshot before by few steps of the same episode. */
  private isNear(world: number): boolean {
    const { before, now } = this;
    if (!before || !now || before.poses.length !== now.poses.length) return false;
    const steps = now.episodeStep[world]! - before.episodeStep[world]!;
    return steps >= 0 && steps <= nearSteps;
  }

  private frameAll(): void {
    const { cell, places } = this;
    if (!cell || !places) return;
    const [halfX, halfY] = [0.6 * (cell.high[0] - cell.low[0]), 0.68 * (cell.high[1] - cell.low[1])];
    const [low, high] = [this.ground(), cell.high[2]];
    const points: Vector[] = [];
    for (let i = 0; i < places.at.length; i += 2) {
      for (const x of [-halfX, halfX])
        for (const y of [-halfY, halfY])
          for (const z of [low, high]) points.push([places.at[i]! + x, places.at[i + 1]! + y, z]);
    }
    const tangent = Math.tan((fieldOfView * Math.PI) / 360);
    const { position, target } = frame({
      points,
      direction: viewDirection,
      centre: [0, 0, (low + high) / 2],
      tangents: [tangent * this.camera.aspect, tangent],
      margin: 0.03,
    });
    this.camera.position.set(...position);
    this.controls.target.set(...target);
    const distance = this.camera.position.distanceTo(this.controls.target);
    this.camera.near = distance / 200;
    this.camera.far = distance * 8;
    this.camera.updateProjectionMatrix();
    this.controls.update();
  }

  // Drawing

  private readonly redraw = (): void => this.invalidate();

  private invalidate(): void {
    if (this.request !== 0 || this.isHidden) return;
    this.request = requestAnimationFrame(this.draw);
  }

  private readonly draw = (): void => {
    if (this.request === -1) return;
    // Asking for a picture before the last one is there would fill the queue until the whole window waits.
    if (!this.isPictureDone()) {
      this.request = requestAnimationFrame(this.draw);
      return;
    }
    this.request = 0;
    const part = this.moves ? Math.min(1, (performance.now() - this.shownAt) / glideMs) : 1;
    this.pose(part);
    this.renderer.render(this.scene, this.camera);
    if (this.isSoftware) {
      const gl = this.renderer.getContext() as WebGL2RenderingContext;
      this.fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
      gl.flush();
    }
    if (part < 1) this.invalidate();
  };

  private isPictureDone(): boolean {
    if (!this.fence) return true;
    const gl = this.renderer.getContext() as WebGL2RenderingContext;
    if (gl.getSyncParameter(this.fence, gl.SYNC_STATUS) !== gl.SIGNALED && !gl.isContextLost()) return false;
    gl.deleteSync(this.fence);
    this.fence = null;
    return true;
  }

  private resize(host: HTMLElement): void {
    const { clientWidth: width, clientHeight: height } = host;
    this.isHidden = width === 0 || height === 0;
    if (this.isHidden) return;
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    if (this.now && this.cell) {
      this.places = placesOf(this.now.ids.length, this.cell, this.camera.aspect);
      this.paint(this.now);
      if (!this.isMoved) this.frameAll();
    }
    this.invalidate();
  }

  // Pointer

  private placeAt(event: PointerEvent): number {
    const { now, places } = this;
    if (!now || !places) return -1;
    const at = new three.Vector2(
      (event.offsetX / this.canvas.clientWidth) * 2 - 1,
      1 - (event.offsetY / this.canvas.clientHeight) * 2,
    );
    const caster = new three.Raycaster();
    caster.setFromCamera(at, this.camera);
    // A little above the ground: people point at the things, not at their feet.
    const height = this.ground() + 0.2 * ((this.cell?.high[2] ?? 0) - this.ground());
    const hit = caster.ray.intersectPlane(
      new three.Plane(new three.Vector3(0, 0, 1), -height),
      this.position,
    );
    return hit ? worldAt(places, now.ids.length, hit.x, hit.y) : -1;
  }

  private readonly hover = (event: PointerEvent): void =>
    this.events.onHover(event.buttons === 0 ? this.placeAt(event) : -1, event.offsetX, event.offsetY);
  private readonly leave = (): void => this.events.onHover(-1, 0, 0);
  private readonly press = (event: PointerEvent): void => {
    this.pressed = event.button === 0 ? { x: event.offsetX, y: event.offsetY } : null;
  };
  private readonly release = (event: PointerEvent): void => {
    const { pressed } = this;
    this.pressed = null;
    if (!pressed || Math.hypot(event.offsetX - pressed.x, event.offsetY - pressed.y) > slip) return;
    const place = this.placeAt(event);
    if (place >= 0) this.events.onPick(place);
  };

  private clearMeshes(): void {
    for (const { mesh } of this.kinds) {
      this.scene.remove(mesh);
      mesh.geometry.dispose();
      (mesh.material as three.Material).dispose();
      mesh.dispose();
    }
    for (const mesh of [this.plates, this.bars]) {
      if (!mesh) continue;
      this.scene.remove(mesh);
      (mesh.material as three.Material).dispose();
      mesh.dispose();
    }
    this.kinds = [];
    this.plates = this.bars = null;
  }

  private clear(): void {
    this.clearMeshes();
    this.bodies = [];
    this.cell = this.places = this.before = this.now = null;
    this.isMoved = false;
  }
}

/** Bodies that one geometry can draw, each in its own size. */
const kindOf = ({ role, shape }: BodyInfo): string =>
  // Caps would be stretched with the length.
  shape.type === 'capsule' ? `${role} capsule ${shape.radius} ${shape.length}` : `${role} ${shape.type}`;
