/** The robot's cameras at a frame: where they stand, and the pyramids that they see, drawn as lines. */

import * as three from 'three';
import type { CameraViewInfo } from '../../lab/api.ts';
import type { Scheme } from '../state/colours.ts';
import type { LoadedEpisode } from '../state/opened.ts';

export interface RobotEye {
  readonly position: three.Vector3;
  readonly target: three.Vector3;
  /** What is up in the picture: the world's z; straight down the y of the world, or of the carrying body. */
  readonly up: three.Vector3;
  /** Vertical, radians. */
  readonly fieldOfView: number;
}

/** A view at a frame, or between two: position, target and up as the lab's own cameras have them (sim/camera.ts). */
export function eyeOf(view: CameraViewInfo, episode: LoadedEpisode, frame: number): RobotEye {
  const position = new three.Vector3(...view.position);
  const target = new three.Vector3(...view.target);
  const level = new three.Vector3(0, 1, 0);
  if (view.body >= 0) {
    const { poses, bodies, length } = episode;
    const low = Math.min(Math.floor(frame), length);
    const part = Math.min(1, Math.max(0, frame - low));
    const a = (low * bodies.length + view.body) * 7;
    const b = (Math.min(low + 1, length) * bodies.length + view.body) * 7;
    const at = new three.Vector3().fromArray(poses, a).lerp(new three.Vector3().fromArray(poses, b), part);
    if (view.turns) {
      const turn = new three.Quaternion()
        .fromArray(poses, a + 3)
        .slerp(new three.Quaternion().fromArray(poses, b + 3), part);
      for (const vector of [position, target, level]) vector.applyQuaternion(turn);
    }
    position.add(at);
    target.add(at);
  }
  const forward = target.clone().sub(position).normalize();
  const up = Math.hypot(forward.x, forward.y) < 1e-6 ? level : new three.Vector3(0, 0, 1);
  return { position, target, up, fieldOfView: view.fieldOfView };
}

/** Points a camera at what a robot's one sees. Pictures of robots are square: in a view that is higher than wide all of it is still seen. */
export function lookThrough(
  camera: three.PerspectiveCamera,
  eye: RobotEye,
  aspect: number,
  far: number,
): void {
  camera.position.copy(eye.position);
  camera.up.copy(eye.up);
  camera.lookAt(eye.target);
  camera.aspect = aspect;
  camera.fov = (Math.atan(Math.tan(eye.fieldOfView / 2) / Math.min(1, aspect)) * 360) / Math.PI;
  camera.near = 0.005;
  camera.far = far;
  camera.updateProjectionMatrix();
  camera.updateMatrixWorld();
}

/** Lines of four pyramids at most a view: 8 edges, and a mark at the upper side. */
const edges = 10;

export class Frusta {
  private geometry = new three.BufferGeometry();
  private readonly material = new three.LineBasicMaterial({ transparent: true, opacity: 0.9 });
  readonly lines = new three.LineSegments(this.geometry, this.material);
  private readonly camera = new three.PerspectiveCamera();

  constructor() {
    this.lines.frustumCulled = false;
    this.lines.renderOrder = 4;
  }

  /**
   * depth: how far the pyramids reach, metres. `through`: this one is looked through; of it only the border of its picture is
   * drawn, of the others nothing.
   */
  place(
    views: readonly CameraViewInfo[],
    episode: LoadedEpisode,
    frame: number,
    depth: number,
    through: string | null,
  ): void {
    const drawn = through === null ? views : views.filter(({ name }) => name === through);
    if (this.geometry.getAttribute('position')?.count !== drawn.length * edges * 2) {
      this.geometry.dispose();
      this.geometry = new three.BufferGeometry();
      this.geometry.setAttribute(
        'position',
        new three.BufferAttribute(new Float32Array(drawn.length * edges * 6), 3),
      );
      this.lines.geometry = this.geometry;
    }
    const attribute = this.geometry.getAttribute('position') as three.BufferAttribute;
    let at = 0;
    const line = (a: three.Vector3, b: three.Vector3): void => {
      attribute.setXYZ(at++, a.x, a.y, a.z);
      attribute.setXYZ(at++, b.x, b.y, b.z);
    };
    for (const view of drawn) {
      const eye = eyeOf(view, episode, frame);
      lookThrough(this.camera, eye, 1, 10);
      // Not beyond what is looked at: a camera across the room would fill the scene with its pyramid.
      const far = through === null ? Math.min(depth, 0.35 * eye.position.distanceTo(eye.target)) : 1;
      // A hair inside, so that the border itself is in the picture.
      const half = far * Math.tan(view.fieldOfView / 2) * (through === null ? 1 : 0.995);
      const corner = (x: number, y: number, grow = 1): three.Vector3 =>
        new three.Vector3(x * half, y * half * grow, -far).applyMatrix4(this.camera.matrixWorld);
      const [a, b, c, d] = [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)] as const;
      const { position } = eye;
      for (const [from, to] of [
        [a, b],
        [b, c],
        [c, d],
        [d, a],
      ] as const)
        line(from, to);
      if (through !== null) {
        for (let i = 4; i < edges; i++) line(a, a);
        continue;
      }
      for (const point of [a, b, c, d]) line(position, point);
      const tip = corner(0, 1, 1.35);
      line(corner(-0.35, 1), tip);
      line(tip, corner(0.35, 1));
    }
    attribute.needsUpdate = true;
    this.material.depthTest = through === null;
  }

  setScheme(scheme: Scheme): void {
    this.material.color.set(scheme === 'dark' ? '#eee05a' : '#8c7b00');
  }

  dispose(): void {
    this.geometry.dispose();
    this.material.dispose();
  }
}
