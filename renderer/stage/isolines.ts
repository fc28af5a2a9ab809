/** Where a sampled field has one value: lines of it by marching squares, surfaces by marching tetrahedra. In units of the grid. Pure. */

/** Segments of the lines, x0 y0 x1 y1 each. values [height, width]; squares with a hole have none. */
export function isolines(
  values: ArrayLike<number>,
  width: number,
  height: number,
  levels: readonly number[],
): number[] {
  const out: number[] = [];
  for (const level of levels) {
    for (let y = 0; y + 1 < height; y++) {
      for (let x = 0; x + 1 < width; x++) {
        const a = values[y * width + x]! - level;
        const b = values[y * width + x + 1]! - level;
        const c = values[(y + 1) * width + x + 1]! - level;
        const d = values[(y + 1) * width + x]! - level;
        if (Number.isNaN(a + b + c + d)) continue;
        // Crossings of the four edges, in order round the square.
        const at: number[] = [];
        if (a > 0 !== b > 0) at.push(x + a / (a - b), y);
        if (b > 0 !== c > 0) at.push(x + 1, y + b / (b - c));
        if (c > 0 !== d > 0) at.push(x + 1 - c / (c - d), y + 1);
        if (d > 0 !== a > 0) at.push(x, y + 1 - d / (d - a));
        if (at.length === 4) out.push(...at);
        else if (at.length === 8) {
          // A saddle: what its middle says decides which corners belong together.
          const joined = a + b + c + d > 0 === a > 0;
          const order = joined ? [0, 1, 2, 3] : [3, 0, 1, 2];
          for (const k of [0, 2])
            for (const n of [order[k]!, order[k + 1]!]) out.push(at[2 * n]!, at[2 * n + 1]!);
        }
      }
    }
  }
  return out;
}

/** Six tetrahedra that fill a cube, all round the diagonal from corner 0 to corner 7; bit 0 of a corner is x, 1 y, 2 z. */
const tetrahedra = [
  [0, 1, 3, 7],
  [0, 3, 2, 7],
  [0, 2, 6, 7],
  [0, 6, 4, 7],
  [0, 4, 5, 7],
  [0, 5, 1, 7],
] as const;

/** Triangles of the surface, nine numbers each. values [depth, height, width]; cubes with a hole have none. */
export function isosurface(
  values: ArrayLike<number>,
  width: number,
  height: number,
  depth: number,
  level: number,
): number[] {
  const out: number[] = [];
  const corner = new Float64Array(8);
  const place = (c: number, x: number, y: number, z: number): [number, number, number] => [
    x + (c & 1),
    y + ((c >> 1) & 1),
    z + (c >> 2),
  ];
  for (let z = 0; z + 1 < depth; z++) {
    for (let y = 0; y + 1 < height; y++) {
      for (let x = 0; x + 1 < width; x++) {
        let above = 0;
        let sum = 0;
        for (let c = 0; c < 8; c++) {
          const [px, py, pz] = place(c, x, y, z);
          corner[c] = values[(pz * height + py) * width + px]! - level;
          sum += corner[c]!;
          if (corner[c]! > 0) above++;
        }
        if (above === 0 || above === 8 || Number.isNaN(sum)) continue;
        for (const tetrahedron of tetrahedra) {
          const inside = tetrahedron.filter((c) => corner[c]! > 0);
          const outside = tetrahedron.filter((c) => !(corner[c]! > 0));
          const cross = (p: number, q: number): number[] => {
            const t = corner[p]! / (corner[p]! - corner[q]!);
            const [from, to] = [place(p, x, y, z), place(q, x, y, z)];
            return [0, 1, 2].map((k) => from[k]! + (to[k]! - from[k]!) * t);
          };
          if (inside.length === 2) {
            const [p, q] = inside as [number, number];
            const [r, s] = outside as [number, number];
            const corners = [cross(p, r), cross(p, s), cross(q, s), cross(q, r)];
            for (const k of [0, 1, 2, 0, 2, 3]) out.push(...corners[k]!);
          } else if (inside.length === 1 || inside.length === 3) {
            const [tip, others] = inside.length === 1 ? [inside[0]!, outside] : [outside[0]!, inside];
            for (const other of others) out.push(...cross(tip, other));
          }
        }
      }
    }
  }
  return out;
}
