/** A ray against one shape, in the shape's frame. */

/** Normal of the last hit, in the shape's frame. */
export const rayNormal = new Float64Array(3);

/** Distance along a ray to a shape in the shape's frame; Infinity without a hit or from inside. Sets `rayNormal`. */
export function rayShape(
  type: number,
  size: Float64Array,
  s: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
): number {
  if (type === 0) {
    if (oz <= 0 || dz >= 0) return Infinity;
    rayNormal[0] = 0;
    rayNormal[1] = 0;
    rayNormal[2] = 1;
    return -oz / dz;
  }
  if (type === 1) return rayBox(size[s]!, size[s + 1]!, size[s + 2]!, ox, oy, oz, dx, dy, dz);
  const radius = size[s]!;
  if (type === 3) return rayBall(radius, ox, oy, oz, dx, dy, dz);
  // Capsule: the cylinder between the caps' middles, else the nearer cap.
  const h = size[s + 1]!;
  const a = dx * dx + dy * dy;
  let best = Infinity;
  if (a > 1e-12) {
    const b = ox * dx + oy * dy;
    const c = ox * ox + oy * oy - radius * radius;
    const discriminant = b * b - a * c;
    if (discriminant >= 0 && (c > 0 || Math.abs(oz) > h)) {
      const d = (-b - Math.sqrt(discriminant)) / a;
      const z = oz + d * dz;
      if (d >= 0 && Math.abs(z) <= h) {
        rayNormal[0] = (ox + d * dx) / radius;
        rayNormal[1] = (oy + d * dy) / radius;
        rayNormal[2] = 0;
        return d;
      }
    }
  }
  const inside = Math.abs(oz) <= h && ox * ox + oy * oy < radius * radius;
  if (inside) return Infinity;
  for (let end = -1; end <= 1; end += 2) {
    const x = rayNormal[0]!;
    const y = rayNormal[1]!;
    const z = rayNormal[2]!;
    const d = rayBall(radius, ox, oy, oz - end * h, dx, dy, dz);
    if (d < best) best = d;
    else {
      rayNormal[0] = x;
      rayNormal[1] = y;
      rayNormal[2] = z;
    }
  }
  return best;
}

function rayBall(
  radius: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
): number {
  const b = ox * dx + oy * dy + oz * dz;
  const c = ox * ox + oy * oy + oz * oz - radius * radius;
  const discriminant = b * b - c;
  if (c < 0 || b > 0 || discriminant < 0) return Infinity;
  const d = -b - Math.sqrt(discriminant);
  rayNormal[0] = (ox + d * dx) / radius;
  rayNormal[1] = (oy + d * dy) / radius;
  rayNormal[2] = (oz + d * dz) / radius;
  return d;
}

function rayBox(
  hx: number,
  hy: number,
  hz: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
): number {
  let enter = -Infinity;
  let leave = Infinity;
  let axis = 0;
  let side = 0;
  for (let k = 0; k < 3; k++) {
    const from = k === 0 ? ox : k === 1 ? oy : oz;
    const d = k === 0 ? dx : k === 1 ? dy : dz;
    const h = k === 0 ? hx : k === 1 ? hy : hz;
    if (Math.abs(d) < 1e-15) {
      if (Math.abs(from) > h) return Infinity;
      continue;
    }
    const near = ((d > 0 ? -h : h) - from) / d;
    const far = ((d > 0 ? h : -h) - from) / d;
    if (near > enter) {
      enter = near;
      axis = k;
      side = d > 0 ? -1 : 1;
    }
    if (far < leave) leave = far;
  }
  if (enter < 0 || enter > leave) return Infinity;
  rayNormal[0] = axis === 0 ? side : 0;
  rayNormal[1] = axis === 1 ? side : 0;
  rayNormal[2] = axis === 2 ? side : 0;
  return enter;
}
