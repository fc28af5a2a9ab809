/**
 * What every picture of the stage has in common, however large it is: how the renderer is set up, lights, the ground and the
 * shadows on it. Whoever makes it disposes it. World frame: metres, z up.
 */

import * as three from 'three';
import { RoomEnvironment } from 'three/examples/jsm/environments/RoomEnvironment.js';
import type { Scheme } from '../state/colours.ts';
import { groundGrid } from './look.ts';
import type { Scenery } from './scenery.ts';

/** Shadows are drawn anew only when somebody sets `shadowMap.needsUpdate`. */
export function stageRenderer(
  isSoftware: boolean,
  options: three.WebGLRendererParameters = {},
): three.WebGLRenderer {
  const renderer = new three.WebGLRenderer({
    // Several samples a pixel cost the CPU more than all the rest; a still picture is drawn larger instead.
    antialias: !isSoftware,
    alpha: true,
    ...options,
  });
  renderer.toneMapping = three.ACESFilmicToneMapping;
  renderer.shadowMap.enabled = true;
  renderer.shadowMap.type = three.PCFShadowMap;
  renderer.shadowMap.autoUpdate = false;
  // Materials that receive shadows must find a shadow map from the first picture on.
  renderer.shadowMap.needsUpdate = true;
  return renderer;
}

export class StageSet {
  readonly objects: readonly three.Object3D[];
  private readonly renderer: three.WebGLRenderer;
  private readonly scene: three.Scene;
  private readonly isSoftware: boolean;
  private readonly sun = new three.DirectionalLight('#fff4e2', 2.4);
  private readonly sky = new three.HemisphereLight('#ffffff', '#8c8578', 0.5);
  private readonly shadows = new three.Mesh(
    new three.PlaneGeometry(1, 1),
    new three.ShadowMaterial({ opacity: 0.32 }),
  );
  private readonly environment: three.WebGLRenderTarget | null;
  private grid: ReturnType<typeof groundGrid>;
  private reach = 1;

  /** @param shadowSize pixels a side of the shadow map; 0: no shadows */
  constructor(
    renderer: three.WebGLRenderer,
    scene: three.Scene,
    options: { readonly scheme: Scheme; readonly isSoftware: boolean; readonly shadowSize: number },
  ) {
    this.renderer = renderer;
    this.scene = scene;
    this.isSoftware = options.isSoftware;
    // Reflections cost more than all the rest where the CPU draws; there the sky light is stronger instead.
    this.environment = options.isSoftware ? null : reflectedRoom(renderer);
    if (this.environment) {
      scene.environment = this.environment.texture;
      // The room is y up, the world z up.
      scene.environmentRotation.set(Math.PI / 2, 0, 0);
    }
    this.sky.position.set(0, 0, 1);
    this.sun.castShadow = options.shadowSize > 0;
    this.shadows.visible = options.shadowSize > 0;
    this.sun.shadow.mapSize.setScalar(options.shadowSize);
    this.sun.shadow.radius = 5;
    this.sun.shadow.bias = -0.0004;
    this.sun.shadow.normalBias = 0.012;
    const rim = new three.DirectionalLight('#a9c8ff', 0.7);
    rim.position.set(-2, 1.6, 1.2);
    this.shadows.receiveShadow = true;
    this.grid = groundGrid(options.scheme);
    scene.add(this.sky, this.sun, this.sun.target, rim, this.shadows, this.grid);
    this.objects = [this.sky, this.sun, this.sun.target, rim, this.shadows];
    this.light(options.scheme);
  }

  setScheme(scheme: Scheme): void {
    const { position } = this.grid;
    this.dropGrid();
    this.grid = groundGrid(scheme);
    this.grid.position.copy(position);
    this.scene.add(this.grid);
    this.fitGround(this.reach);
    this.light(scheme);
  }

  /** Lines fade out a little way beyond the scene. */
  fitGround(reach: number): void {
    this.reach = reach;
    const lines = Math.max(2.6, 1.8 * reach);
    this.grid.material.uniforms['reach']!.value = lines;
    this.grid.scale.setScalar(2.2 * lines);
    this.shadows.scale.setScalar(Math.max(12, 2.2 * lines));
  }

  setGround(height: number): void {
    this.shadows.position.z = height - 0.001;
    this.grid.position.z = height;
  }

  /** Grid and shadows lie under what the camera looks at. */
  placeGround(x: number, y: number): void {
    this.grid.position.setX(x).setY(y);
    this.shadows.position.setX(x).setY(y);
    this.grid.material.uniforms['middle']!.value.set(x, y);
  }

  /** The sun shines on the scene, which has gone along by (x, y). */
  fitSun({ centre, reach }: Scenery, [ax, ay]: readonly [number, number, ...unknown[]]): void {
    const scale = Math.max(1, reach / 1.6);
    const [x, y, z] = centre;
    this.sun.target.position.set(x + ax, y + ay, z);
    this.sun.position.set(1.1, -1.5, 2.9).multiplyScalar(scale).add(this.sun.target.position);
    const shadow = this.sun.shadow.camera;
    const half = Math.max(0.9, reach * 1.7);
    shadow.left = -half;
    shadow.right = half;
    shadow.top = half;
    shadow.bottom = -half;
    shadow.near = 0.5;
    shadow.far = 7 * scale;
    shadow.updateProjectionMatrix();
  }

  dispose(): void {
    for (const object of this.objects) this.scene.remove(object);
    this.shadows.geometry.dispose();
    this.shadows.material.dispose();
    this.dropGrid();
    this.sun.dispose();
    this.environment?.dispose();
  }

  private dropGrid(): void {
    this.scene.remove(this.grid);
    this.grid.geometry.dispose();
    this.grid.material.dispose();
  }

  private light(scheme: Scheme): void {
    const isDark = scheme === 'dark';
    this.scene.environmentIntensity = 0.55;
    const missing = this.isSoftware ? (isDark ? 0.95 : 1.15) : 0;
    this.sky.intensity = (isDark ? 0.5 : 0.55) + missing;
    this.sun.intensity = isDark ? 2.5 : 1.9;
    this.renderer.toneMappingExposure = isDark ? 1.1 : 1.04;
    this.shadows.material.opacity = isDark ? 0.4 : 0.22;
  }
}

function reflectedRoom(renderer: three.WebGLRenderer): three.WebGLRenderTarget {
  const pmrem = new three.PMREMGenerator(renderer);
  const room = new RoomEnvironment();
  const target = pmrem.fromScene(room, 0.06);
  room.dispose();
  pmrem.dispose();
  return target;
}

let softwareKnown: boolean | null = null;

/** Whether WebGL is drawn by the CPU. Asked of a context of its own, because antialiasing is chosen before there is one. */
export function rendersInSoftware(): boolean {
  if (softwareKnown !== null) return softwareKnown;
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return false;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  softwareKnown = /swiftshader|llvmpipe|software/i.test(name);
  return softwareKnown;
}
