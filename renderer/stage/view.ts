/**
 * One 3D view of one episode. Draws only when something changed; interpolates poses between control steps; whoever
 * makes it disposes it. World frame: metres, z up.
 */

import * as three from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import { RoomEnvironment } from 'three/examples/jsm/environments/RoomEnvironment.js';
import { Line2 } from 'three/examples/jsm/lines/Line2.js';
import { LineGeometry } from 'three/examples/jsm/lines/LineGeometry.js';
import { LineMaterial } from 'three/examples/jsm/lines/LineMaterial.js';
import { progressRgb, type Scheme } from '../state/colours.ts';
import type { CameraPreset } from '../state/layout.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { paceClock } from '../state/players.ts';
import { frame, type Vector } from './framing.ts';
import { geometryOf, groundGrid, materialOf, radiusOf, roleColour } from './look.ts';

export interface CameraPose {
  readonly position: readonly [number, number, number];
  readonly target: readonly [number, number, number];
}

export interface StageEvents {
  /** After each picture: where the agent's tool is, in CSS pixels of the canvas; null when behind the camera. */
  onDraw(anchor: { readonly x: number; readonly y: number } | null): void;
  /** The user moved the camera (not: it was copied from another view). */
  onCamera(pose: CameraPose): void;
}

const presetDirections: Readonly<Record<CameraPreset, readonly [number, number, number]>> = {
  perspective: [0.78, -0.92, 0.62],
  front: [1, 0, 0.14],
  side: [0, -1, 0.14],
  // A touch off the axis, else "up" on the screen is undefined.
  top: [0.001, 0, 1],
};

/** Vertical, degrees, for a view that is wider than high. */
const fieldOfView = 36;

/** Milliseconds between two pictures at least, when they are made by the CPU. */
const softwareInterval = 90;

/** Milliseconds without a change after which the CPU draws once more, finely. */
const stillAfter = 350;

const unitAxes = [new three.Vector3(1, 0, 0), new three.Vector3(0, 1, 0), new three.Vector3(0, 0, 1)];

const easeOut = (x: number): number => 1 - (1 - x) ** 3;

export class StageView {
  readonly canvas: HTMLCanvasElement;
  private readonly renderer: three.WebGLRenderer;
  private readonly scene = new three.Scene();
  private readonly camera = new three.PerspectiveCamera(fieldOfView, 1, 0.02, 40);
  private readonly controls: OrbitControls;
  private readonly sun: three.DirectionalLight;
  private readonly sky: three.HemisphereLight;
  private readonly shadows: three.Mesh<three.PlaneGeometry, three.ShadowMaterial>;
  private readonly toolLine = trailMaterial(3.2, 0.95);
  private readonly objectLine = trailMaterial(2, 0.6);
  private readonly resizer: ResizeObserver;
  private readonly events: StageEvents;
  private readonly reducedMotion: boolean;
  private readonly isSoftware: boolean;
  private lastDraw = 0;
  private fence: WebGLSync | null = null;
  private grid: ReturnType<typeof groundGrid>;
  private environment: three.WebGLRenderTarget | null = null;
  private scheme: Scheme;
  private episode: LoadedEpisode | null = null;
  private task = '';
  private looks = '';
  private world = new three.Group();
  private bodies: three.Object3D[] = [];
  private trails: Line2[] = [];
  /** Position of the tool at each frame. [T + 1, 3] */
  private toolPath: Float32Array = new Float32Array();
  private toolLift = 0.1;
  private frame = 0;
  private centre = new three.Vector3(0.3, 0, 0.2);
  private reach = 0.8;
  /** The preset that the camera stands at; null once it was moved by hand or follows another view. */
  private preset: CameraPreset | null = 'perspective';
  /** What presets get into the picture. */
  private scenery: readonly Vector[] = [
    [0, -0.4, 0],
    [0.7, 0.4, 0.6],
  ];
  private stopPacing = (): void => undefined;
  private stillTimer: ReturnType<typeof setTimeout> | undefined;
  private request = 0;
  private flight: { from: CameraPose; to: CameraPose; start: number } | null = null;
  private copying = false;

  constructor(
    host: HTMLElement,
    options: { readonly scheme: Scheme; readonly reducedMotion: boolean },
    events: StageEvents,
  ) {
    this.events = events;
    this.scheme = options.scheme;
    this.reducedMotion = options.reducedMotion;
    this.isSoftware = rendersInSoftware();
    this.renderer = new three.WebGLRenderer({
      // Several samples a pixel cost the CPU more than all the rest; a still picture is drawn larger instead.
      antialias: !this.isSoftware,
      alpha: true,
      powerPreference: 'high-performance',
    });
    this.canvas = this.renderer.domElement;
    host.append(this.canvas);
    if (this.isSoftware) this.stopPacing = paceClock(() => this.request === 0 && this.isPictureDone());
    this.renderer.setPixelRatio(this.isSoftware ? 1 : Math.min(devicePixelRatio, 2));
    this.renderer.toneMapping = three.ACESFilmicToneMapping;
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = three.PCFShadowMap;
    this.renderer.shadowMap.autoUpdate = false;
    // Materials that receive shadows must find a shadow map from the first picture on.
    this.renderer.shadowMap.needsUpdate = true;

    // Reflections cost more than all the rest where the CPU draws; there the sky light is stronger instead.
    if (!this.isSoftware) this.reflectRoom();

    this.sky = new three.HemisphereLight('#ffffff', '#8c8578', 0.5);
    this.sky.position.set(0, 0, 1);
    this.sun = new three.DirectionalLight('#fff4e2', 2.4);
    this.sun.castShadow = true;
    this.sun.shadow.mapSize.setScalar(this.isSoftware ? 1024 : 2048);
    this.sun.shadow.radius = 5;
    this.sun.shadow.bias = -0.0004;
    this.sun.shadow.normalBias = 0.012;
    const rim = new three.DirectionalLight('#a9c8ff', 0.7);
    rim.position.set(-2, 1.6, 1.2);
    this.shadows = new three.Mesh(
      new three.PlaneGeometry(12, 12),
      new three.ShadowMaterial({ opacity: 0.32 }),
    );
    this.shadows.receiveShadow = true;
    this.grid = groundGrid(this.scheme);
    this.scene.add(this.sky, this.sun, this.sun.target, rim, this.shadows, this.grid, this.world);

    this.camera.up.set(0, 0, 1);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.enableDamping = !this.reducedMotion;
    this.controls.dampingFactor = 0.14;
    this.controls.minDistance = 0.15;
    this.controls.maxDistance = 8;
    this.controls.maxPolarAngle = Math.PI * 0.56;
    this.controls.addEventListener('change', () => {
      if (!this.copying) this.events.onCamera(this.pose());
      this.invalidate();
    });
    this.controls.addEventListener('start', () => {
      this.flight = null;
      this.preset = null;
    });
    this.canvas.addEventListener('webglcontextrestored', this.redrawAll);
    this.applyScheme();

    this.resizer = new ResizeObserver(() => this.resize(host));
    this.resizer.observe(host);
    this.resize(host);
  }

  /** Null empties the stage. The camera stays where it is between episodes of the same task. */
  load(episode: LoadedEpisode | null): void {
    if (episode === this.episode) return;
    // Episodes of one task look alike: what is on the graphics card stays there, only poses and trails are new.
    const isAlike = episode !== null && this.looks === looksOf(episode);
    if (!isAlike) this.clearWorld();
    this.episode = episode;
    // What is written beside the tool belongs to the picture; it comes back with the next one.
    this.events.onDraw(null);
    if (episode) {
      if (!isAlike) this.build(episode);
      this.drawTrails(episode);
      this.frameScene(episode);
    }
    this.redrawAll();
  }

  /** A frame of the episode; between two frames poses are interpolated. */
  setFrame(frame: number): void {
    if (frame === this.frame || !this.episode) return;
    this.frame = frame;
    this.applyPoses();
    this.renderer.shadowMap.needsUpdate = true;
    this.invalidate();
  }

  setScheme(scheme: Scheme): void {
    if (scheme === this.scheme) return;
    this.scheme = scheme;
    const episode = this.episode;
    this.scene.remove(this.grid);
    this.grid.geometry.dispose();
    this.grid.material.dispose();
    this.grid = groundGrid(scheme);
    this.scene.add(this.grid);
    this.applyScheme();
    this.clearWorld();
    this.episode = episode;
    if (episode) {
      this.build(episode);
      this.drawTrails(episode);
    }
    this.redrawAll();
  }

  fly(preset: CameraPreset): void {
    this.preset = preset;
    const to = this.presetPose(preset);
    if (this.reducedMotion) {
      this.moveTo(to);
      this.events.onCamera(to);
    } else this.flight = { from: this.pose(), to, start: performance.now() };
    this.invalidate();
  }

  pose(): CameraPose {
    return { position: this.camera.position.toArray(), target: this.controls.target.toArray() };
  }

  /** Takes over the camera of another view. */
  place(pose: CameraPose): void {
    this.preset = null;
    this.flight = null;
    this.moveTo(pose);
  }

  private moveTo(pose: CameraPose): void {
    this.copying = true;
    this.camera.position.fromArray([...pose.position]);
    this.controls.target.fromArray([...pose.target]);
    this.controls.update();
    this.copying = false;
    this.invalidate();
  }

  dispose(): void {
    cancelAnimationFrame(this.request);
    this.request = -1;
    clearTimeout(this.stillTimer);
    this.stopPacing();
    this.resizer.disconnect();
    this.canvas.removeEventListener('webglcontextrestored', this.redrawAll);
    this.controls.dispose();
    this.clearWorld();
    this.toolLine.dispose();
    this.objectLine.dispose();
    this.shadows.geometry.dispose();
    this.shadows.material.dispose();
    this.grid.geometry.dispose();
    this.grid.material.dispose();
    this.sun.dispose();
    this.environment?.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.canvas.remove();
  }

  private readonly redrawAll = (): void => {
    this.applyPoses();
    this.renderer.shadowMap.needsUpdate = true;
    this.invalidate();
  };

  private invalidate(): void {
    if (this.request !== 0) return;
    clearTimeout(this.stillTimer);
    this.request = requestAnimationFrame(this.draw);
  }

  /** Twice as fine each way, once nothing moves any more: as smooth as several samples a pixel. */
  private readonly drawStill = (): void => {
    if (this.request !== 0) return;
    if (!this.isPictureDone()) {
      this.stillTimer = setTimeout(this.drawStill, 100);
      return;
    }
    this.renderer.setPixelRatio(2);
    this.renderer.render(this.scene, this.camera);
    this.markPicture();
  };

  private readonly draw = (): void => {
    if (this.request === -1) return;
    const now = performance.now();
    // Without a GPU a picture costs tens of milliseconds. Asking for the next before it is there would fill the queue
    // until the whole window waits for it; lists and keys must not.
    if (this.isSoftware && (now - this.lastDraw < softwareInterval || !this.isPictureDone())) {
      this.request = requestAnimationFrame(this.draw);
      return;
    }
    this.lastDraw = now;
    this.request = 0;
    if (this.flight) this.advanceFlight(this.flight);
    else if (this.controls.enableDamping) this.controls.update();
    // Not earlier: a canvas of another size is blank until it is drawn.
    if (this.isSoftware && this.renderer.getPixelRatio() !== 1) this.renderer.setPixelRatio(1);
    this.grid.material.uniforms['middle']!.value.set(this.controls.target.x, this.controls.target.y);
    this.renderer.render(this.scene, this.camera);
    if (this.isSoftware) {
      this.markPicture();
      clearTimeout(this.stillTimer);
      this.stillTimer = setTimeout(this.drawStill, stillAfter);
    }
    this.events.onDraw(this.anchor());
  };

  private markPicture(): void {
    const gl = this.renderer.getContext() as WebGL2RenderingContext;
    this.fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  /** Asks without waiting. */
  private isPictureDone(): boolean {
    if (!this.fence) return true;
    const gl = this.renderer.getContext() as WebGL2RenderingContext;
    if (gl.getSyncParameter(this.fence, gl.SYNC_STATUS) !== gl.SIGNALED && !gl.isContextLost()) return false;
    gl.deleteSync(this.fence);
    this.fence = null;
    return true;
  }

  private reflectRoom(): void {
    const pmrem = new three.PMREMGenerator(this.renderer);
    const room = new RoomEnvironment();
    this.environment = pmrem.fromScene(room, 0.06);
    this.scene.environment = this.environment.texture;
    // The room is y up, the world z up.
    this.scene.environmentRotation.set(Math.PI / 2, 0, 0);
    room.dispose();
    pmrem.dispose();
  }

  private advanceFlight(flight: NonNullable<StageView['flight']>): void {
    const part = Math.min(1, (performance.now() - flight.start) / 260);
    const mix = (a: readonly number[], b: readonly number[]): [number, number, number] => {
      const w = easeOut(part);
      return [a[0]! + (b[0]! - a[0]!) * w, a[1]! + (b[1]! - a[1]!) * w, a[2]! + (b[2]! - a[2]!) * w];
    };
    this.moveTo({
      position: mix(flight.from.position, flight.to.position),
      target: mix(flight.from.target, flight.to.target),
    });
    this.events.onCamera(this.pose());
    if (part >= 1) this.flight = null;
    else this.invalidate();
  }

  private anchor(): { x: number; y: number } | null {
    if (!this.episode || this.toolPath.length === 0) return null;
    const i = Math.min(this.episode.length, Math.round(this.frame)) * 3;
    const point = new three.Vector3(
      this.toolPath[i]!,
      this.toolPath[i + 1]!,
      this.toolPath[i + 2]! + this.toolLift,
    ).project(this.camera);
    if (point.z > 1) return null;
    return {
      x: ((point.x + 1) / 2) * this.canvas.clientWidth,
      y: ((1 - point.y) / 2) * this.canvas.clientHeight,
    };
  }

  private presetPose(preset: CameraPreset): CameraPose {
    const vertical = Math.tan((this.camera.fov * Math.PI) / 360);
    return frame({
      points: this.scenery,
      direction: presetDirections[preset],
      centre: this.centre.toArray(),
      tangents: [vertical * this.camera.aspect, vertical],
      margin: 0.06,
    });
  }

  private applyScheme(): void {
    const isDark = this.scheme === 'dark';
    this.scene.environmentIntensity = 0.55;
    const missing = this.isSoftware ? (isDark ? 0.95 : 1.15) : 0;
    this.sky.intensity = (isDark ? 0.5 : 0.55) + missing;
    this.sun.intensity = isDark ? 2.5 : 1.9;
    this.renderer.toneMappingExposure = isDark ? 1.1 : 1.04;
    this.shadows.material.opacity = isDark ? 0.4 : 0.22;
  }

  private build(episode: LoadedEpisode): void {
    const { bodies, poses } = episode;
    this.looks = looksOf(episode);
    const materials = new Map<string, three.MeshStandardMaterial>();
    const lineColours: three.LineBasicMaterial[] = [];
    let ground = Number.POSITIVE_INFINITY;
    bodies.forEach((body, i) => {
      const holder = new three.Group();
      holder.name = body.name;
      const at = new three.Vector3().fromArray(poses, i * 7);
      if (body.role === 'floor') {
        // The ground grid is the floor; its top is where shadows fall.
        const height = body.shape.type === 'box' ? body.shape.size[2] / 2 : 0;
        ground = Math.min(ground, at.z + height);
      } else {
        let material = materials.get(body.role);
        if (!material) {
          material = materialOf(body.role, this.scheme);
          materials.set(body.role, material);
        }
        const geometry = geometryOf(body);
        const mesh = new three.Mesh(geometry, material);
        const isSolid = body.role !== 'goal' && body.role !== 'marker';
        mesh.castShadow = isSolid;
        mesh.receiveShadow = isSolid;
        if (body.role === 'goal') mesh.renderOrder = 2;
        holder.add(mesh);
        if (body.role === 'goal') {
          const line = new three.LineBasicMaterial({
            color: roleColour('goal', this.scheme),
            transparent: true,
            opacity: 0.9,
          });
          lineColours.push(line);
          holder.add(ringOf(radiusOf(body), line));
        }
        const radius = radiusOf(body);
        const below = body.role === 'table' && body.shape.type === 'box' ? body.shape.size[2] / 2 : radius;
        ground = Math.min(ground, at.z - below);
      }
      this.world.add(holder);
      this.bodies.push(holder);
    });
    this.scene.add(this.world);
    if (!Number.isFinite(ground)) ground = 0;
    this.shadows.position.z = ground - 0.001;
    this.grid.position.z = ground;
  }

  private drawTrails(episode: LoadedEpisode): void {
    for (const trail of this.trails) {
      this.world.remove(trail);
      trail.geometry.dispose();
    }
    this.trails = [];
    const { length } = episode;
    this.toolPath =
      pathOf(episode, 'gripper') ??
      pathOf(episode, 'link') ??
      pathOf(episode, 'object') ??
      new Float32Array();
    const objectPath = pathOf(episode, 'object');
    const progress = episode.learned[0]?.values ?? episode.trueProgress;
    if (this.toolPath.length > 0) {
      const colours = new Float32Array((length + 1) * 3);
      for (let t = 0; t <= length; t++) colours.set(progressRgb(progress[t]!), t * 3);
      this.addTrail(this.toolPath, colours, this.toolLine);
    }
    if (objectPath) {
      const colours = new Float32Array((length + 1) * 3);
      const colour = new three.Color(roleColour('object', this.scheme));
      for (let t = 0; t <= length; t++) colours.set([colour.r, colour.g, colour.b], t * 3);
      this.addTrail(objectPath, colours, this.objectLine);
    }
  }

  /** Where presets look at; the camera itself is moved only when another task comes on stage. */
  private frameScene(episode: LoadedEpisode): void {
    const box = new three.Box3();
    const table = new three.Box3();
    const at = new three.Vector3();
    const along = new three.Vector3();
    const turn = new three.Quaternion();
    const seen: three.Vector3[] = [];
    const width = episode.bodies.length * 7;
    // Where the arm goes, not only where it begins.
    for (let t = 0; t <= episode.length; t += Math.max(1, Math.floor(episode.length / 6))) {
      episode.bodies.forEach((body, i) => {
        at.fromArray(episode.poses, t * width + i * 7);
        if (body.role === 'table' && body.shape.type === 'box') {
          const [x, y, z] = body.shape.size;
          table.expandByPoint(at.clone().add(new three.Vector3(x / 2, y / 2, z / 2)));
          table.expandByPoint(at.clone().sub(new three.Vector3(x / 2, y / 2, z / 2)));
        } else if (body.role !== 'table' && body.role !== 'floor') {
          const near = Math.min(radiusOf(body), 0.06);
          for (const axis of unitAxes) {
            seen.push(at.clone().addScaledVector(axis, near), at.clone().addScaledVector(axis, -near));
          }
          // Both ends of a pole or a link.
          if (body.shape.type === 'capsule' || body.shape.type === 'cylinder') {
            turn.fromArray(episode.poses, t * width + i * 7 + 3);
            along.set(0, 0, body.shape.length / 2).applyQuaternion(turn);
            seen.push(at.clone().add(along), at.clone().sub(along));
          }
        }
      });
    }
    for (let i = 0; i < this.toolPath.length; i += 3) {
      seen.push(new three.Vector3().fromArray(this.toolPath, i));
    }
    box.setFromPoints(seen);
    if (!box.isEmpty()) {
      // What is below the table top (a pedestal) is not what people look at.
      const top = table.isEmpty() ? Number.NEGATIVE_INFINITY : table.max.z;
      box.min.z = Math.min(box.max.z, Math.max(box.min.z, top));
      const size = box.getSize(new three.Vector3());
      this.reach = Math.min(1.6, Math.max(0.25, size.length() / 2));
      box.getCenter(this.centre);
      this.scenery = [
        ...seen.map(({ x, y, z }): Vector => [x, y, Math.max(z, top)]),
        // The middle of the table, where goals and blocks of the next episodes will be.
        ...(table.isEmpty() ? [] : cornersOf(table).map((corner) => tableShare(corner, this.centre, top))),
      ];
      this.fitSun();
    }
    if (episode.episode.task !== this.task) {
      this.task = episode.episode.task;
      this.flight = null;
      this.preset = 'perspective';
      this.moveTo(this.presetPose('perspective'));
    }
  }

  private fitSun(): void {
    this.sun.position.copy(this.centre).add(new three.Vector3(1.1, -1.5, 2.9));
    this.sun.target.position.copy(this.centre);
    const shadow = this.sun.shadow.camera;
    const half = Math.max(0.9, this.reach * 1.7);
    shadow.left = -half;
    shadow.right = half;
    shadow.top = half;
    shadow.bottom = -half;
    shadow.near = 0.5;
    shadow.far = 7;
    shadow.updateProjectionMatrix();
  }

  private addTrail(path: Float32Array, colours: Float32Array, material: LineMaterial): void {
    if (path.length < 6) return;
    const geometry = new LineGeometry();
    geometry.setPositions(path);
    geometry.setColors(colours);
    const line = new Line2(geometry, material);
    line.frustumCulled = false;
    line.renderOrder = 3;
    this.world.add(line);
    this.trails.push(line);
  }

  private applyPoses(): void {
    const { episode } = this;
    if (!episode) return;
    const { poses, length } = episode;
    const width = episode.bodies.length * 7;
    const low = Math.min(Math.floor(this.frame), length);
    const high = Math.min(low + 1, length);
    const part = Math.min(1, Math.max(0, this.frame - low));
    const from = new three.Quaternion();
    const to = new three.Quaternion();
    this.bodies.forEach((body, i) => {
      const a = low * width + i * 7;
      const b = high * width + i * 7;
      body.position.set(
        poses[a]! + (poses[b]! - poses[a]!) * part,
        poses[a + 1]! + (poses[b + 1]! - poses[a + 1]!) * part,
        poses[a + 2]! + (poses[b + 2]! - poses[a + 2]!) * part,
      );
      body.quaternion.copy(from.fromArray(poses, a + 3).slerp(to.fromArray(poses, b + 3), part));
    });
    for (const trail of this.trails) {
      trail.visible = low > 0;
      trail.geometry.instanceCount = low;
    }
  }

  private clearWorld(): void {
    this.scene.remove(this.world);
    const materials = new Set<three.Material>();
    this.world.traverse((node) => {
      const drawn = node as Partial<three.Mesh>;
      drawn.geometry?.dispose();
      for (const material of [drawn.material ?? []].flat()) {
        if (!(material instanceof LineMaterial)) materials.add(material);
      }
    });
    for (const material of materials) material.dispose();
    this.world = new three.Group();
    this.bodies = [];
    this.trails = [];
    this.looks = '';
    this.toolPath = new Float32Array();
    this.episode = null;
  }

  private resize(host: HTMLElement): void {
    const { clientWidth: width, clientHeight: height } = host;
    if (width === 0 || height === 0) return;
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    // A narrow view keeps its horizontal field, else two stages side by side would crop the scene.
    const half = Math.tan((fieldOfView * Math.PI) / 360) / Math.min(1, this.camera.aspect);
    this.camera.fov = (Math.atan(half) * 360) / Math.PI;
    this.camera.updateProjectionMatrix();
    if (this.preset !== null && this.flight === null) {
      this.moveTo(this.presetPose(this.preset));
      // An empty stage has nothing to say about what the other should look at.
      if (this.episode) this.events.onCamera(this.pose());
    }
    this.invalidate();
  }
}

/** The corners of a box seen from above. */
const cornersOf = ({ min, max }: three.Box3): [number, number][] => [
  [min.x, min.y],
  [min.x, max.y],
  [max.x, min.y],
  [max.x, max.y],
];

const tableShare = ([x, y]: readonly [number, number], centre: three.Vector3, z: number): Vector => [
  centre.x + (x - centre.x) * 0.55,
  centre.y + (y - centre.y) * 0.55,
  z,
];

/** Equal texts, equal looks. */
const looksOf = (episode: LoadedEpisode): string => JSON.stringify(episode.bodies);

function trailMaterial(linewidth: number, opacity: number): LineMaterial {
  return new LineMaterial({ linewidth, opacity, vertexColors: true, transparent: true, depthWrite: false });
}

let softwareKnown: boolean | null = null;

/** Whether WebGL is drawn by the CPU. Asked of a context of its own, because antialiasing is chosen before there is one. */
function rendersInSoftware(): boolean {
  if (softwareKnown !== null) return softwareKnown;
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return false;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  softwareKnown = /swiftshader|llvmpipe|software/i.test(name);
  return softwareKnown;
}

/** A level circle around a goal. */
function ringOf(radius: number, material: three.LineBasicMaterial): three.LineLoop {
  const points: three.Vector3[] = [];
  for (let i = 0; i < 64; i++) {
    const angle = (i / 64) * 2 * Math.PI;
    points.push(new three.Vector3(Math.cos(angle), Math.sin(angle), 0).multiplyScalar(radius * 1.35));
  }
  return new three.LineLoop(new three.BufferGeometry().setFromPoints(points), material);
}

/** Mean position of the bodies of a role at each frame; null when there are none. [T + 1, 3] */
function pathOf(episode: LoadedEpisode, role: string): Float32Array | null {
  const members = episode.bodies.flatMap((body, i) => (body.role === role ? [i] : []));
  if (members.length === 0) return null;
  const path = new Float32Array((episode.length + 1) * 3);
  for (let t = 0; t <= episode.length; t++) {
    for (let axis = 0; axis < 3; axis++) {
      let sum = 0;
      for (const i of members) sum += episode.poses[(t * episode.bodies.length + i) * 7 + axis]!;
      path[t * 3 + axis] = sum / members.length;
    }
  }
  return path;
}
