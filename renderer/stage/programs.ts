/**
 * The programs of a scene, compiled while the page goes on. To use one that is not there yet stops the page until it is, one after the
 * other, and each behind what was drawn with the one before: a second and more where the CPU draws.
 */

import * as three from 'three';

/** Milliseconds that programs are waited for; after that they are used as they are. */
const patience = 3000;

/** Of three's; its types leave one of them out. */
interface Program {
  isReady(): boolean;
  getUniforms(): unknown;
}

export class Programs {
  private readonly renderer: three.WebGLRenderer;
  /** Has the material that three gives to everything that casts a shadow; in no scene. */
  private readonly caster = new three.Mesh(
    new three.BoxGeometry(),
    new three.MeshDepthMaterial({ side: three.BackSide }),
  );
  /** When they were asked for; null when all have been used. */
  private asked: number | null = null;
  private isNew = true;

  constructor(renderer: three.WebGLRenderer) {
    this.renderer = renderer;
  }

  /** The scene has materials that it did not have before. */
  renew(): void {
    this.isNew = true;
  }

  /** Whether the scene can be drawn without a wait. Asks for what is new; call it again until it is true. */
  areReady(scene: three.Scene, camera: three.Camera): boolean {
    const now = performance.now();
    if (this.isNew) {
      this.isNew = false;
      this.asked = now;
      // First: it asks what the graphics card can do, and would wait for what was asked for before.
      this.compileShadows(scene, camera);
      this.renderer.compile(scene, camera);
    }
    if (this.asked === null) return true;
    const programs = (this.renderer.info.programs ?? []) as unknown as readonly Program[];
    if (now - this.asked < patience && !programs.every((program) => program.isReady())) return false;
    this.asked = null;
    // While nothing is being drawn an answer comes at once.
    for (const program of programs) program.getUniforms();
    return true;
  }

  dispose(): void {
    this.caster.geometry.dispose();
    this.caster.material.dispose();
  }

  /** What shadows are drawn with is no material of the scene; three would make it when it first needs it. */
  private compileShadows(scene: three.Scene, camera: three.Camera): void {
    // Programs differ by what they draw into.
    const map = new three.WebGLRenderTarget(1, 1);
    this.renderer.setRenderTarget(map);
    this.renderer.compile(this.caster, camera, scene);
    this.renderer.setRenderTarget(null);
    map.dispose();
  }
}
