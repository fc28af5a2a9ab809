/** Small pictures with the bodies, lights and camera of the stage, in one WebGL context of its own. Whoever makes it disposes it. */

import * as three from 'three';
import type { Scheme } from '../state/colours.ts';
import { looksOf, type Scene, StageBodies } from './bodies.ts';
import { placeOn } from './paths.ts';
import { fieldOfView, presetFraming, verticalTangent } from './presets.ts';
import { Programs } from './programs.ts';
import { sceneryOf } from './scenery.ts';
import { rendersInSoftware, StageSet, stageRenderer } from './set.ts';

/** Tasks whose bodies stay on the graphics card; a list seldom mixes more. */
const mostKnown = 4;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface ThumbnailMemory {
  readonly geometries: number;
  readonly textures: number;
  readonly programs: number;
}

export class ThumbnailStage {
  readonly isSoftware = rendersInSoftware();
  private readonly renderer: three.WebGLRenderer;
  private readonly scene = new three.Scene();
  private readonly camera: three.PerspectiveCamera;
  private readonly set: StageSet;
  private readonly programs: Programs;
  /** By looks; least recently used first. */
  private readonly known = new Map<string, StageBodies>();
  private scheme: Scheme;
  private isDisposed = false;

  /** Sizes in pixels of the picture. @throws Error where there is no WebGL */
  constructor(width: number, height: number, scheme: Scheme) {
    this.scheme = scheme;
    this.renderer = stageRenderer(this.isSoftware, {
      canvas: document.createElement('canvas'),
      // The picture is taken once it is there, which is later than it was asked for.
      preserveDrawingBuffer: true,
      powerPreference: 'low-power',
    });
    this.renderer.setPixelRatio(1);
    this.renderer.setSize(width, height, false);
    this.set = new StageSet(this.renderer, this.scene, {
      scheme,
      isSoftware: this.isSoftware,
      shadowSize: 512,
    });
    this.programs = new Programs(this.renderer);
    this.camera = new three.PerspectiveCamera(fieldOfView, width / height, 0.02, 40);
    this.camera.up.set(0, 0, 1);
  }

  get memory(): ThumbnailMemory {
    const { memory, programs } = this.renderer.info;
    return { geometries: memory.geometries, textures: memory.textures, programs: programs?.length ?? 0 };
  }

  setScheme(scheme: Scheme): void {
    if (scheme === this.scheme) return;
    this.scheme = scheme;
    this.set.setScheme(scheme);
    this.forgetBodies(0);
  }

  /** The scene at a frame, from the camera's first preset. The caller closes the picture. @throws Error when the context is gone */
  async draw(scene: Scene, frame: number): Promise<ImageBitmap> {
    const scenery = sceneryOf(scene);
    const bodies = this.bodiesOf(scene);
    while (!this.isDisposed && !this.programs.areReady(this.scene, this.camera)) await wait(16);
    for (const one of this.known.values()) one.group.visible = one === bodies;
    bodies.forget();
    bodies.place(scene, frame);
    this.set.setGround(bodies.ground);
    if (scenery) {
      const [x, y] = scenery.path ? placeOn(scenery.path, frame, [0, 0, 0]) : [0, 0];
      const { aspect } = this.camera;
      const { position, target } = presetFraming(
        scenery,
        'perspective',
        aspect,
        verticalTangent(aspect),
        [x, y],
        0.01,
      );
      this.camera.position.set(...position);
      this.camera.lookAt(...target);
      this.camera.far = Math.max(40, 16 * scenery.reach);
      this.camera.updateProjectionMatrix();
      this.set.fitGround(scenery.reach);
      this.set.fitSun(scenery, [x, y]);
      this.set.placeGround(target[0], target[1]);
    }
    this.renderer.shadowMap.needsUpdate = true;
    this.renderer.render(this.scene, this.camera);
    await this.isDrawn();
    return createImageBitmap(this.renderer.domElement);
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.forgetBodies(0);
    this.set.dispose();
    this.programs.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  /** Waits without holding the window up: to read a picture that is still being drawn would do that. */
  private async isDrawn(): Promise<void> {
    const gl = this.renderer.getContext() as WebGL2RenderingContext;
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    while (!this.isDisposed && fence && !gl.isContextLost()) {
      if (gl.getSyncParameter(fence, gl.SYNC_STATUS) === gl.SIGNALED) {
        gl.deleteSync(fence);
        return;
      }
      await wait(8);
    }
    throw new Error('The graphics card gave up the small pictures of episodes');
  }

  private bodiesOf(scene: Scene): StageBodies {
    const looks = looksOf(scene);
    let bodies = this.known.get(looks);
    if (!bodies) {
      bodies = new StageBodies(scene, this.scheme);
      this.programs.renew();
    }
    this.known.delete(looks);
    this.known.set(looks, bodies);
    this.scene.add(bodies.group);
    this.forgetBodies(mostKnown);
    return bodies;
  }

  private forgetBodies(most: number): void {
    for (const [looks, bodies] of this.known) {
      if (this.known.size <= most) return;
      this.scene.remove(bodies.group);
      bodies.dispose();
      this.known.delete(looks);
    }
  }
}
