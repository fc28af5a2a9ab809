import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PerspectiveCamera, Vector3 } from 'three';
import { frame, type Vector } from '../../renderer/stage/framing.ts';

const points: Vector[] = [
  [0, 0, 0],
  [0.1, 0.3, 0.9],
  [0.7, -0.4, 0.05],
  [0.8, 0.5, 0.02],
  [-0.1, -0.1, 0.4],
];

for (const [name, direction] of [
  ['perspective', [0.78, -0.92, 0.62]],
  ['front', [1, 0, 0.14]],
  ['top', [0.001, 0, 1]],
] as const) {
  for (const aspect of [0.7, 1.5, 2.4]) {
    test(`from the ${name} at aspect ${aspect} every point is in view and the view is used to its margin`, () => {
      const camera = new PerspectiveCamera(36, aspect, 0.01, 50);
      const tangent = Math.tan((36 * Math.PI) / 360);
      const { position, target } = frame({
        points,
        direction,
        centre: [0.3, 0, 0.3],
        tangents: [tangent * aspect, tangent],
        margin: 0.05,
      });
      camera.up.set(0, 0, 1);
      camera.position.set(...position);
      camera.lookAt(...target);
      camera.updateMatrixWorld();
      const seen = points.map((point) => new Vector3(...point).project(camera));
      const reach = (axis: 'x' | 'y'): [number, number] => [
        Math.min(...seen.map((point) => point[axis])),
        Math.max(...seen.map((point) => point[axis])),
      ];
      const [left, right] = reach('x');
      const [low, high] = reach('y');
      for (const edge of [left, right, low, high]) assert.ok(Math.abs(edge) < 0.9 + 1e-6, `edge at ${edge}`);
      const isWide = Math.abs(right - 0.9) < 1e-6 && Math.abs(left + 0.9) < 1e-6;
      const isHigh = Math.abs(high - 0.9) < 1e-6 && Math.abs(low + 0.9) < 1e-6;
      assert.ok(isWide || isHigh, `x ${left} to ${right}, y ${low} to ${high}`);
    });
  }
}
