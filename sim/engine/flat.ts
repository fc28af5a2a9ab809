/**
 * Geometry of the plane for robots that drive: rays and discs against segments, axis-aligned boxes and discs. Exact up to
 * rounding, no allocation. Metres; directions have unit length; boxes are given by middle (cx, cy) and half sizes (hx, hy).
 *
 * Rays return the distance to the first point of the thing, 0 from inside it, Infinity where they miss. `discIn...` return
 * how deep a disc is in the thing (0 where it is clear of it) and write the unit normal along which it leaves soonest.
 */

/** Normal of a contact. [2] */
export type Normal = Float64Array;

/**
 * o + t d = a + u (b - a) with 0 <= u <= 1. A segment has no width: a ray along its own line misses it.
 */
export function raySegment(
  ox: number,
  oy: number,
  dx: number,
  dy: number,
  ax: number,
  ay: number,
  bx: number,
  by: number,
): number {
  const ex = bx - ax;
  const ey = by - ay;
  const det = dx * ey - dy * ex;
  if (det === 0) return Number.POSITIVE_INFINITY;
  const u = ((ax - ox) * dy - (ay - oy) * dx) / det;
  if (u < 0 || u > 1) return Number.POSITIVE_INFINITY;
  const t = ((ax - ox) * ey - (ay - oy) * ex) / det;
  return t >= 0 ? t : Number.POSITIVE_INFINITY;
}

/** The box is where two slabs overlap: enter both before leaving either. */
export function rayBox(
  ox: number,
  oy: number,
  dx: number,
  dy: number,
  cx: number,
  cy: number,
  hx: number,
  hy: number,
): number {
  const px = cx - ox;
  const py = cy - oy;
  let enter = 0;
  let leave = Number.POSITIVE_INFINITY;
  if (dx !== 0) {
    const inverse = 1 / dx;
    const middle = px * inverse;
    const half = hx * (inverse < 0 ? -inverse : inverse);
    enter = Math.max(enter, middle - half);
    leave = Math.min(leave, middle + half);
  } else if (px > hx || px < -hx) return Number.POSITIVE_INFINITY;
  if (dy !== 0) {
    const inverse = 1 / dy;
    const middle = py * inverse;
    const half = hy * (inverse < 0 ? -inverse : inverse);
    enter = Math.max(enter, middle - half);
    leave = Math.min(leave, middle + half);
  } else if (py > hy || py < -hy) return Number.POSITIVE_INFINITY;
  return enter <= leave ? enter : Number.POSITIVE_INFINITY;
}

/** |o + t d - c| = r: with b = (c - o).d the nearer root is b - sqrt(r^2 - (|c - o|^2 - b^2)). */
export function rayDisc(
  ox: number,
  oy: number,
  dx: number,
  dy: number,
  cx: number,
  cy: number,
  radius: number,
): number {
  const px = cx - ox;
  const py = cy - oy;
  const square = px * px + py * py;
  if (square <= radius * radius) return 0;
  const b = px * dx + py * dy;
  if (b < 0) return Number.POSITIVE_INFINITY;
  // Squared distance of the middle from the line, as a cross product: no cancellation.
  const across = px * dy - py * dx;
  const under = radius * radius - across * across;
  return under < 0 ? Number.POSITIVE_INFINITY : b - Math.sqrt(under);
}

/** Contact of a disc whose nearest point of the thing lies at (x, y) from its middle. */
function contactAt(x: number, y: number, radius: number, normal: Normal): number {
  const distance = Math.sqrt(x * x + y * y);
  if (distance >= radius) return 0;
  normal[0] = -x / distance;
  normal[1] = -y / distance;
  return radius - distance;
}

export function discInBox(
  px: number,
  py: number,
  radius: number,
  cx: number,
  cy: number,
  hx: number,
  hy: number,
  normal: Normal,
): number {
  const x = px - cx;
  const y = py - cy;
  const outX = Math.abs(x) - hx;
  const outY = Math.abs(y) - hy;
  if (outX >= radius || outY >= radius) return 0;
  // Beside a face, or with the middle inside: out through the nearer face.
  if (outX <= 0 || outY <= 0) {
    if (outX > outY) {
      normal[0] = x < 0 ? -1 : 1;
      normal[1] = 0;
      return radius - outX;
    }
    normal[0] = 0;
    normal[1] = y < 0 ? -1 : 1;
    return radius - outY;
  }
  return contactAt(x < 0 ? outX : -outX, y < 0 ? outY : -outY, radius, normal);
}

/** A middle on the segment itself leaves to the left of a -> b. */
export function discInSegment(
  px: number,
  py: number,
  radius: number,
  ax: number,
  ay: number,
  bx: number,
  by: number,
  normal: Normal,
): number {
  const ex = bx - ax;
  const ey = by - ay;
  const square = ex * ex + ey * ey;
  const u = square > 0 ? ((px - ax) * ex + (py - ay) * ey) / square : 0;
  const share = u < 0 ? 0 : u > 1 ? 1 : u;
  const x = ax + share * ex - px;
  const y = ay + share * ey - py;
  if (x === 0 && y === 0) {
    const length = Math.sqrt(square);
    normal[0] = length > 0 ? -ey / length : 1;
    normal[1] = length > 0 ? ex / length : 0;
    return radius;
  }
  return contactAt(x, y, radius, normal);
}

/** Two discs with the same middle part along +x. */
export function discInDisc(
  px: number,
  py: number,
  radius: number,
  cx: number,
  cy: number,
  otherRadius: number,
  normal: Normal,
): number {
  const x = px - cx;
  const y = py - cy;
  const reach = radius + otherRadius;
  const square = x * x + y * y;
  if (square >= reach * reach) return 0;
  const distance = Math.sqrt(square);
  normal[0] = distance > 0 ? x / distance : 1;
  normal[1] = distance > 0 ? y / distance : 0;
  return reach - distance;
}
