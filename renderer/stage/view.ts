/**
 * One 3D view of one episode. Draws only when something changed; interpolates poses between control steps; whoever
 * makes it disposes it. World frame: metres, z up.
 */

import * as three from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import { Line2 } from 'three/examples/jsm/lines/Line2.js';
import { LineGeometry } from 'three/examples/jsm/lines/LineGeometry.js';
import { LineMaterial } from 'three/examples/jsm/lines/LineMaterial.js';
import { progressRgb, type Scheme } from '../state/colours.ts';
import type { CameraPreset } from '../state/layout.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { paceClock } from '../state/players.ts';
import { FirstPictures, type Quality } from '../state/quality.ts';
import { settled } from '../state/settled.ts';
import type { Follow } from '../state/stage-look.ts';
import { looksOf, StageBodies } from './bodies.ts';
import type { StageLayer } from './layer.ts';
import { roleColour } from './look.ts';
import type { Tag } from './names.ts';
import { pathOf, pathsOfObjects, placeOn, toolPathOf } from './paths.ts';
import { fieldOfView, presetFraming, verticalTangent } from './presets.ts';
import { Programs } from './programs.ts';
import { lookThrough, type RobotEye } from './robot-cameras.ts';
import { type Scenery, sceneryOf } from './scenery.ts';
import { rendersInSoftware, StageSet, stageRenderer } from './set.ts';
import { shareOf, trailRange, trailValues } from './trail.ts';

/** Relative to the runner, where the camera goes along with one. */
export interface CameraPose {
  readonly position: readonly [number, number, number];
  readonly target: readonly [number, number, number];
}

export interface StageEvents {
  /** After each picture: where the agent's tool is, in CSS pixels of the canvas; null when behind the camera. */
  onDraw(anchor: { readonly x: number; readonly y: number } | null): void;
  /** The user moved the camera (not: it was copied from another view). */
  onCamera(pose: CameraPose): void;
  /** What the first pictures say of the graphics card, once, of a view that is drawn finely. */
  onQuality(measured: Quality): void;
}

/** Milliseconds between two pictures at least, when they are made by the CPU. */
const softwareInterval = 90;

/** Milliseconds without a change after which the CPU draws once more, finely. */
const stillAfter = 350;

const easeOut = (x: number): number => 1 - (1 - x) ** 3;

export class StageView {
  readonly canvas: HTMLCanvasElement;
  private readonly renderer: three.WebGLRenderer;
  private readonly scene = new three.Scene();
  private readonly camera = new three.PerspectiveCamera(fieldOfView, 1, 0.02, 40);
  /** Stands where the camera stands and shows as much at the distance of its target. */
  private readonly flat = new three.OrthographicCamera();
  private readonly robotCamera = new three.PerspectiveCamera();
  private isFlat = false;
  private robotEye: ((frame: number) => RobotEye) | null = null;
  private isHeld = false;
  private followed: Follow = 'auto';
  private trail = 'auto';
  private trailSpan = 'past';
  /** While pictures are taken, nothing else is drawn. */
  private capturing: { width: number; height: number; frame: number } | null = null;
  private readonly pictureListeners = new Set<() => void>();
  /** What is written over the picture at a frame; the names layer puts it here, exports burn it in. */
  tags: (frame: number) => readonly Tag[] = () => [];
  private readonly controls: OrbitControls;
  private readonly set: StageSet;
  private readonly programs: Programs;
  private readonly toolLine = trailMaterial(3.2, 0.95);
  private readonly objectLine = trailMaterial(2, 0.6);
  private readonly resizer: ResizeObserver;
  private readonly events: StageEvents;
  private readonly reducedMotion: boolean;
  private readonly isSoftware: boolean;
  private readonly isFast: boolean;
  private readonly isDraft: boolean;
  /** Of a view whose quality is not decided yet. */
  private first: FirstPictures | null;
  private lastDraw = 0;
  /** Nothing is known to be shown: an empty stage that an episode follows at once is not worth a picture. */
  private isEarly = true;
  private fence: WebGLSync | null = null;
  private scheme: Scheme;
  private episode: LoadedEpisode | null = null;
  /** Whose picture is on screen. */
  private drawn: LoadedEpisode | null = null;
  /** Paths of those that may be followed, of the episode on stage. */
  private readonly followPaths = new Map<Follow, Float32Array | null>();
  private instead: LoadedEpisode | null = null;
  private task = '';
  private looks = '';
  private world = new three.Group();
  private bodies: StageBodies | null = null;
  private trails: Trail[] = [];
  private readonly layers = new Set<StageLayer>();
  /** Position of the tool at each frame. [T + 1, 3] */
  private toolPath: Float32Array = new Float32Array();
  private toolLift = 0.1;
  private frame = 0;
  private scenery: Scenery = emptyScenery;
  /** Where the camera has gone along to. */
  private readonly along = new three.Vector3();
  /** The preset that the camera stands at; null once it was moved by hand or follows another view. */
  private preset: CameraPreset | null = 'perspective';
  /** In a tab that is not in front; nothing is drawn until it comes back. */
  private isHidden = false;
  private stopPacing = (): void => undefined;
  private stillTimer: ReturnType<typeof setTimeout> | undefined;
  private request = 0;
  private flight: { from: CameraPose; to: CameraPose; start: number } | null = null;
  private copying = false;

  constructor(
    host: HTMLElement,
    options: { readonly scheme: Scheme; readonly reducedMotion: boolean; readonly quality: Quality },
    events: StageEvents,
  ) {
    this.events = events;
    this.scheme = options.scheme;
    this.reducedMotion = options.reducedMotion;
    this.isSoftware = rendersInSoftware();
    this.isFast = options.quality !== 'fine';
    this.isDraft = options.quality === 'draft';
    this.first = this.isFast ? null : new FirstPictures();
    this.renderer = stageRenderer(this.isFast, { powerPreference: 'high-performance' });
    this.canvas = this.renderer.domElement;
    host.append(this.canvas);
    if (this.isPaced) this.stopPacing = paceClock(() => this.request === 0 && this.isPictureDone());
    this.renderer.setPixelRatio(this.pixelRatio);
    this.set = new StageSet(this.renderer, this.scene, {
      scheme: this.scheme,
      isSoftware: this.isFast,
      shadowSize: this.isDraft ? 0 : this.isFast ? 1024 : 2048,
    });
    this.programs = new Programs(this.renderer);
    this.scene.add(this.world);

    this.camera.up.set(0, 0, 1);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.enableDamping = !this.reducedMotion;
    this.controls.dampingFactor = 0.14;
    this.controls.minDistance = 0.15;
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
    void settled.then(() => {
      this.isEarly = false;
      if (this.request === 0 && !this.drawn) this.invalidate();
    });

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
    this.isEarly &&= episode === null;
    this.instead = null;
    // What is written beside the tool belongs to the picture; it comes back with the next one.
    this.events.onDraw(null);
    if (episode) {
      if (!isAlike) this.build(episode);
      this.bodies?.forget();
      this.drawTrails(episode);
      this.frameScene(episode);
    }
    for (const layer of this.layers) layer.load?.(episode);
    this.redrawAll();
  }

  /** Lays something into the view; returns how to take it out. */
  add(layer: StageLayer): () => void {
    this.layers.add(layer);
    this.scene.add(layer.object);
    this.programs.renew();
    layer.scheme?.(this.scheme);
    layer.load?.(this.episode);
    if (this.episode) layer.place?.(this.episode, this.frame);
    this.redraw();
    return () => {
      this.layers.delete(layer);
      this.scene.remove(layer.object);
      this.redraw();
    };
  }

  /** Something in a layer changed. */
  redraw(): void {
    if (this.request === -1) return;
    this.renderer.shadowMap.needsUpdate = true;
    this.invalidate();
  }

  /** The ray from the camera through a point of the canvas, in CSS pixels from its corner. */
  rayAt(x: number, y: number): three.Ray {
    const caster = new three.Raycaster();
    const at = new three.Vector2(
      (x / this.canvas.clientWidth) * 2 - 1,
      1 - (y / this.canvas.clientHeight) * 2,
    );
    caster.setFromCamera(at, this.eye());
    return caster.ray;
  }

  /** Resolves with the next picture of the episode that is on stage now; at once where it has been drawn. */
  pictured(): Promise<void> {
    if (this.drawn === this.episode) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.onPicture(() => {
        if (this.drawn !== this.episode) return;
        stop();
        resolve();
      });
    });
  }

  /** Draws the bodies as in frame 0 of this one instead of where the clock stands; null: as recorded again. */
  stand(instead: LoadedEpisode | null): void {
    if (instead === this.instead) return;
    this.instead = instead;
    this.bodies?.forget();
    this.redrawAll();
  }

  /** While something else is dragged the camera stays. */
  holdCamera(isHeld: boolean): void {
    this.isHeld = isHeld;
    this.controls.enabled = !isHeld && !this.robotEye;
  }

  get frameNow(): number {
    return this.frame;
  }

  get isDark(): boolean {
    return this.scheme === 'dark';
  }

  /** Half the size of the scene, metres. */
  get reach(): number {
    return this.scenery.reach;
  }

  /** The same of what is looked at: of whoever is followed a metre at most. */
  get closeReach(): number {
    const { path, reach } = this.scenery;
    return path === null ? reach : Math.min(1, reach);
  }

  /** After every picture, also those that nothing but the camera changed. Returns how to stop. */
  onPicture(listener: () => void): () => void {
    this.pictureListeners.add(listener);
    return () => this.pictureListeners.delete(listener);
  }

  /** Where a point of the world is in the picture, as a share of its width and height; null behind the camera. */
  project(x: number, y: number, z: number): { x: number; y: number } | null {
    const point = new three.Vector3(x, y, z).project(this.eye());
    return point.z > 1 || point.z < -1 ? null : { x: (point.x + 1) / 2, y: (1 - point.y) / 2 };
  }

  setProjection(projection: 'perspective' | 'orthographic'): void {
    this.isFlat = projection === 'orthographic';
    this.invalidate();
  }

  /** Through a camera of the robot, given by the frame; null: one's own. */
  lookThrough(eye: ((frame: number) => RobotEye) | null): void {
    this.robotEye = eye;
    this.controls.enabled = !this.isHeld && !eye;
    this.invalidate();
  }

  /** Name of a series and how much of the trail; see `trail.ts`. */
  setTrail(choice: string, span: string): void {
    const isNew = choice !== this.trail;
    this.trail = choice;
    this.trailSpan = span;
    if (isNew && this.episode) this.drawTrails(this.episode);
    this.showTrails();
    this.invalidate();
  }

  /** Who the camera goes along with. What is chosen comes into the middle; `auto` and `off` leave the camera where it is. */
  follow(whom: Follow): void {
    if (whom === this.followed) return;
    this.followed = whom;
    if (!this.episode) return;
    this.along.copy(this.alongNow());
    if (whom !== 'auto' && whom !== 'off' && this.followPath()) {
      const [x, y, z] = placeOn(this.followPath()!, this.frame, [0, 0, 0]);
      const shift = new three.Vector3(x, y, z).sub(this.controls.target);
      this.preset = null;
      this.camera.position.add(shift);
      this.controls.target.copy(new three.Vector3(x, y, z));
      this.controls.update();
    }
    this.fitSun();
    this.invalidate();
  }

  /**
   * Draws the episode at a frame as a picture of this size, pixels, and returns the canvas, whose content holds until the caller
   * gives control back. Nothing else is drawn until `release`.
   */
  capture(frame: number, width: number, height: number): HTMLCanvasElement {
    this.capturing ??= { width: 0, height: 0, frame: this.frame };
    if (this.capturing.width !== width || this.capturing.height !== height) {
      const shown = Math.max(1, this.canvas.clientWidth) / Math.max(1, this.canvas.clientHeight);
      this.renderer.setPixelRatio(1);
      this.renderer.setSize(width, height, false);
      this.camera.aspect = width / height;
      // What is on screen is in the picture, whatever its shape.
      const screen = verticalTangent(shown);
      const half = screen * Math.max(1, shown / this.camera.aspect);
      this.camera.fov = (Math.atan(half) * 360) / Math.PI;
      this.camera.updateProjectionMatrix();
      this.capturing = { ...this.capturing, width, height };
    }
    this.frame = Math.min(frame, this.episode?.length ?? 0);
    this.applyPoses();
    this.placeGround();
    this.renderer.shadowMap.needsUpdate = true;
    this.renderer.render(this.scene, this.eye());
    return this.canvas;
  }

  /** Back to what is on screen. */
  release(): void {
    if (!this.capturing) return;
    this.frame = this.capturing.frame;
    this.capturing = null;
    if (this.request === -1) return;
    this.renderer.setPixelRatio(this.pixelRatio);
    this.resize(this.canvas.parentElement!);
    this.redrawAll();
  }

  /** Largest side of a picture, pixels. */
  get largestPicture(): number {
    return this.renderer.capabilities.maxTextureSize;
  }

  /** Where the tool is, as a share of the picture; null when behind the camera. */
  toolInPicture(): { x: number; y: number } | null {
    if (!this.episode || this.toolPath.length === 0) return null;
    const i = Math.min(this.episode.length, Math.round(this.frame)) * 3;
    return this.project(this.toolPath[i]!, this.toolPath[i + 1]!, this.toolPath[i + 2]! + this.toolLift);
  }

  /** A frame of the episode; between two frames poses are interpolated. */
  setFrame(frame: number): void {
    if (this.capturing) {
      this.capturing.frame = frame;
      return;
    }
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
    this.set.setScheme(scheme);
    this.clearWorld();
    this.episode = episode;
    if (episode) {
      this.build(episode);
      this.drawTrails(episode);
    }
    for (const layer of this.layers) layer.scheme?.(scheme);
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
    const relative = (point: three.Vector3): [number, number, number] =>
      point.clone().sub(this.along).toArray();
    return { position: relative(this.camera.position), target: relative(this.controls.target) };
  }

  /** Takes over the camera of another view. */
  place(pose: CameraPose): void {
    this.preset = null;
    this.flight = null;
    this.moveTo(pose);
  }

  private moveTo(pose: CameraPose): void {
    this.copying = true;
    this.camera.position.fromArray([...pose.position]).add(this.along);
    this.controls.target.fromArray([...pose.target]).add(this.along);
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
    this.programs.dispose();
    this.toolLine.dispose();
    this.objectLine.dispose();
    this.set.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.canvas.remove();
  }

  private readonly redrawAll = (): void => {
    this.applyPoses();
    this.renderer.shadowMap.needsUpdate = true;
    this.invalidate();
  };

  /** Points of the picture to one of the page, each way, while things move. */
  private get pixelRatio(): number {
    return this.isDraft ? 0.5 : this.isFast ? 1 : Math.min(devicePixelRatio, 2);
  }

  private invalidate(): void {
    if (this.request !== 0 || this.isHidden || this.capturing || this.isEarly) return;
    clearTimeout(this.stillTimer);
    this.request = requestAnimationFrame(this.draw);
  }

  /** Twice as fine each way, once nothing moves any more: as smooth as several samples a pixel. */
  private readonly drawStill = (): void => {
    if (this.request !== 0 || this.isHidden || this.capturing) return;
    if (!this.isPictureDone()) {
      this.stillTimer = setTimeout(this.drawStill, 100);
      return;
    }
    this.renderer.setPixelRatio(2);
    this.renderer.render(this.scene, this.eye());
    this.markPicture();
  };

  private readonly draw = (): void => {
    if (this.request === -1) return;
    if (this.capturing) {
      this.request = 0;
      return;
    }
    const now = performance.now();
    if (!this.programs.areReady(this.scene, this.eye())) {
      this.request = requestAnimationFrame(this.draw);
      return;
    }
    // Without a GPU a picture costs tens of milliseconds. Asking for the next before it is there would fill the queue
    // until the whole window waits for it; lists and keys must not.
    const interval = this.isSoftware ? softwareInterval : 0;
    if (this.isPaced && (now - this.lastDraw < interval || !this.isPictureDone())) {
      this.request = requestAnimationFrame(this.draw);
      return;
    }
    this.lastDraw = now;
    this.request = 0;
    if (this.flight) this.advanceFlight(this.flight);
    else if (this.controls.enableDamping) this.controls.update();
    // Not earlier: a canvas of another size is blank until it is drawn.
    if (this.isFast && this.renderer.getPixelRatio() !== this.pixelRatio)
      this.renderer.setPixelRatio(this.pixelRatio);
    this.placeGround();
    this.renderer.render(this.scene, this.eye());
    if (this.isPaced) this.markPicture();
    else if (this.first) this.timePicture(this.first);
    if (this.isFast && !this.isDraft) {
      clearTimeout(this.stillTimer);
      this.stillTimer = setTimeout(this.drawStill, stillAfter);
    }
    // Whose picture this is and what lies on the graphics card, for tests and the curious.
    this.drawn = this.episode;
    this.canvas.dataset['episode'] = String(this.episode?.episode.id ?? '');
    const { memory, programs } = this.renderer.info;
    this.canvas.dataset['memory'] = `${memory.geometries} ${memory.textures} ${programs?.length ?? 0}`;
    this.events.onDraw(this.anchor());
    for (const listener of this.pictureListeners) listener();
  };

  /** Where a picture is slow to come, the next is not asked for before it is there. */
  private get isPaced(): boolean {
    return this.isFast || this.isSoftware;
  }

  /** How long the picture takes that was just asked for. */
  private timePicture(first: FirstPictures): void {
    // The one before is still on its way: together they would count twice.
    if (!this.isPictureDone()) return;
    const asked = performance.now();
    this.markPicture();
    const look = (): void => {
      if (this.request === -1 || this.isHidden) return;
      if (!this.isPictureDone()) {
        setTimeout(look, 4);
        return;
      }
      const measured = first.add(performance.now() - asked);
      if (measured === null) return;
      this.first = null;
      this.events.onQuality(measured);
    };
    setTimeout(look, 4);
  }

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
    const at = this.toolInPicture();
    return at && { x: at.x * this.canvas.clientWidth, y: at.y * this.canvas.clientHeight };
  }

  /** What the picture is seen with. */
  private eye(): three.Camera {
    if (this.robotEye) {
      lookThrough(this.robotCamera, this.robotEye(this.frame), this.camera.aspect, this.camera.far);
      return this.robotCamera;
    }
    if (!this.isFlat) {
      this.camera.updateMatrixWorld();
      return this.camera;
    }
    const { flat, camera } = this;
    const half = camera.position.distanceTo(this.controls.target) * Math.tan((camera.fov * Math.PI) / 360);
    flat.top = half;
    flat.bottom = -half;
    flat.right = half * camera.aspect;
    flat.left = -flat.right;
    // Also what lies behind the camera: there is no behind without perspective.
    flat.near = -camera.far;
    flat.far = camera.far;
    flat.position.copy(camera.position);
    flat.quaternion.copy(camera.quaternion);
    flat.updateProjectionMatrix();
    flat.updateMatrixWorld();
    return flat;
  }

  private presetPose(preset: CameraPreset): CameraPose {
    const vertical = Math.tan((this.camera.fov * Math.PI) / 360);
    // Points count from the runner's place where there is one; the pose is wanted from where the camera has gone along to.
    const [dx, dy] = this.scenery.path ? placeOn(this.scenery.path, this.frame, [0, 0, 0]) : [0, 0];
    const [x, y] = [dx - this.along.x, dy - this.along.y];
    return presetFraming(this.scenery, preset, this.camera.aspect, vertical, [x, y]);
  }

  /** Grid and shadows lie under what the camera looks at. */
  private placeGround(): void {
    const { x, y } = this.controls.target;
    this.set.placeGround(x, y);
  }

  private build(episode: LoadedEpisode): void {
    this.looks = looksOf(episode);
    this.programs.renew();
    this.bodies = new StageBodies(episode, this.scheme);
    this.world.add(this.bodies.group);
    this.scene.add(this.world);
    this.set.setGround(this.bodies.ground);
  }

  private drawTrails(episode: LoadedEpisode): void {
    for (const { line } of this.trails) {
      this.world.remove(line);
      line.geometry.dispose();
    }
    this.trails = [];
    const { length } = episode;
    const hasTool = episode.bodies.some(({ role }) => role === 'gripper' || role === 'agent');
    this.toolPath = toolPathOf(episode);
    if (this.toolPath.length > 0) {
      const colours = new Float32Array((length + 1) * 3);
      const by = trailValues(episode, this.trail, this.toolPath);
      const plain = new three.Color(roleColour('gripper', this.scheme)).toArray();
      for (let t = 0; t <= length; t++)
        colours.set(by ? progressRgb(shareOf(by, by.values[t]!)) : plain, t * 3);
      this.addTrail(this.toolPath, colours, this.toolLine);
    }
    for (const objectPath of hasTool ? pathsOfObjects(episode) : []) {
      const colours = new Float32Array((length + 1) * 3);
      const colour = new three.Color(roleColour('object', this.scheme));
      for (let t = 0; t <= length; t++) colours.set([colour.r, colour.g, colour.b], t * 3);
      this.addTrail(objectPath, colours, this.objectLine);
    }
  }

  /** Where presets look at; the camera itself is moved only when another task comes on stage. */
  private frameScene(episode: LoadedEpisode): void {
    this.followPaths.clear();
    this.scenery = sceneryOf(episode) ?? emptyScenery;
    const { reach } = this.scenery;
    this.controls.maxDistance = Math.max(8, 6 * reach);
    this.camera.far = Math.max(40, 16 * reach);
    this.camera.updateProjectionMatrix();
    this.set.fitGround(reach);
    this.goAlong();
    this.fitSun();
    if (episode.episode.task !== this.task) {
      this.task = episode.episode.task;
      this.flight = null;
      this.preset = 'perspective';
      this.moveTo(this.presetPose('perspective'));
    }
  }

  /** Moves the camera with whoever it goes along with. */
  private goAlong(): void {
    const to = this.alongNow();
    if (to.equals(this.along)) return;
    const pose = this.pose();
    this.along.copy(to);
    this.moveTo(pose);
    this.fitSun();
  }

  /** Where whoever the camera goes along with is now; the ground's origin where it stays. */
  private alongNow(): three.Vector3 {
    const path = this.followPath();
    if (!path) return new three.Vector3();
    const [x, y] = placeOn(path, this.frame, [0, 0, 0]);
    return new three.Vector3(x, y, 0);
  }

  private followPath(): Float32Array | null {
    const { episode, followed } = this;
    if (!episode || followed === 'off') return null;
    if (followed === 'auto') return this.scenery.path;
    const known = this.followPaths.get(followed);
    if (known !== undefined) return known;
    const roles = { tool: ['gripper', 'tool'], agent: ['agent', 'link'], object: ['object'] }[followed];
    const found = roles.map((role) => pathOf(episode, role)).find((path) => path !== null);
    const path = found ?? this.scenery.path;
    this.followPaths.set(followed, path);
    return path;
  }

  private fitSun(): void {
    // Where the scene is, whoever the camera has gone along with.
    const { path } = this.scenery;
    this.set.fitSun(this.scenery, path ? placeOn(path, this.frame, [0, 0, 0]) : [0, 0]);
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
    const start = ['instanceStart', 'instanceEnd', 'instanceColorStart', 'instanceColorEnd'].flatMap(
      (name) => {
        const attribute = geometry.getAttribute(name) as three.InterleavedBufferAttribute | undefined;
        return attribute ? [[name, attribute.data, attribute.offset] as const] : [];
      },
    );
    geometry.userData['first'] = 0;
    this.trails.push({ line, start });
  }

  private applyPoses(): void {
    const { episode } = this;
    if (!episode) return;
    if (this.instead) this.bodies?.place(this.instead, 0);
    else this.bodies?.place(episode, this.frame);
    this.goAlong();
    this.showTrails();
    for (const layer of this.layers) layer.place?.(episode, this.frame);
  }

  /** Segments of the trails at this frame. */
  private showTrails(): void {
    const { episode } = this;
    if (!episode) return;
    const [first, end] = trailRange(this.trailSpan, this.frame, episode.length, episode.controlDt);
    for (const { line, start } of this.trails) {
      line.visible = end > first;
      line.geometry.instanceCount = end - first;
      if (line.geometry.userData['first'] === first) continue;
      line.geometry.userData['first'] = first;
      // The same numbers on the graphics card, read from another place on.
      for (const [name, buffer, offset] of start)
        line.geometry.setAttribute(name, new three.InterleavedBufferAttribute(buffer, 3, offset + 6 * first));
    }
  }

  private clearWorld(): void {
    this.scene.remove(this.world);
    this.bodies?.dispose();
    for (const { line } of this.trails) line.geometry.dispose();
    this.world = new three.Group();
    this.bodies = null;
    this.trails = [];
    this.looks = '';
    this.toolPath = new Float32Array();
    this.episode = null;
  }

  private resize(host: HTMLElement): void {
    const { clientWidth: width, clientHeight: height } = host;
    this.isHidden = width === 0 || height === 0;
    if (this.isHidden || this.capturing) return;
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    // A narrow view keeps its horizontal field, else two stages side by side would crop the scene.
    const half = verticalTangent(this.camera.aspect);
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

interface Trail {
  readonly line: Line2;
  /** Its attributes as they were made: name, numbers, offset. */
  readonly start: readonly (readonly [string, three.InterleavedBuffer, number])[];
}

/** Before the first episode. */
const emptyScenery: Scenery = {
  points: [
    [0, -0.4, 0],
    [0.7, 0.4, 0.6],
  ],
  centre: [0.3, 0, 0.2],
  reach: 0.8,
  isFlat: false,
  path: null,
};

function trailMaterial(linewidth: number, opacity: number): LineMaterial {
  // Not tone mapped: the colours are those of the bar beside them.
  return new LineMaterial({
    linewidth,
    opacity,
    vertexColors: true,
    transparent: true,
    depthWrite: false,
    toneMapped: false,
  });
}
