/** The rays of a lidar at a frame: lines from the robot, a dot where each ends. */

import * as three from 'three';
import type { Scheme } from '../state/colours.ts';
import type { StageDetails } from '../state/details.ts';

export class LidarRays {
  readonly group = new three.Group();
  private readonly lineMaterial = new three.LineBasicMaterial({
    transparent: true,
    opacity: 0.4,
    depthWrite: false,
  });
  private readonly dotMaterial = new three.PointsMaterial({
    size: 5,
    sizeAttenuation: false,
    // They lie in the very face that the ray met, which would hide one half of each.
    depthTest: false,
  });
  private readonly lines = new three.LineSegments(new three.BufferGeometry(), this.lineMaterial);
  private readonly dots = new three.Points(new three.BufferGeometry(), this.dotMaterial);

  constructor() {
    for (const part of [this.lines, this.dots]) {
      part.frustumCulled = false;
      part.renderOrder = 4;
      this.group.add(part);
    }
  }

  place({ lidar, rays }: StageDetails, frame: number): void {
    if (!lidar) return;
    const width = 3 + 3 * rays;
    const from = lidar.subarray(frame * width, frame * width + 3);
    const ends = lidar.subarray(frame * width + 3, (frame + 1) * width);
    const segments = new Float32Array(6 * rays);
    for (let k = 0; k < rays; k++) {
      segments.set(from, 6 * k);
      segments.set(ends.subarray(3 * k, 3 * k + 3), 6 * k + 3);
    }
    write(this.lines.geometry, segments);
    write(this.dots.geometry, ends);
  }

  setScheme(scheme: Scheme): void {
    const colour = scheme === 'dark' ? '#8fd3f7' : '#0a6ebd';
    this.lineMaterial.color.set(colour);
    this.dotMaterial.color.set(colour);
  }

  dispose(): void {
    this.lines.geometry.dispose();
    this.dots.geometry.dispose();
    this.lineMaterial.dispose();
    this.dotMaterial.dispose();
  }
}

/** Into the attribute that is there where it has the size, so that nothing new goes to the graphics card. */
function write(geometry: three.BufferGeometry, numbers: Float32Array): void {
  const attribute = geometry.getAttribute('position') as three.BufferAttribute | undefined;
  if (attribute?.array.length !== numbers.length) {
    geometry.dispose();
    geometry.setAttribute('position', new three.BufferAttribute(numbers.slice(), 3));
    return;
  }
  attribute.array.set(numbers);
  attribute.needsUpdate = true;
}
