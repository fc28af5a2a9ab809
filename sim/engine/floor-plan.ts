/**
 * Floor plans of square cells with walls on their sides: what mazes, rooms and rooms full of furniture have in common. The
 * grid makes rays and contacts cheap: both look only at the cells they pass.
 *
 * One number a cell, in rows from the lower left, kept in the state row so that doors may open:
 *    bits 0-3   a wall to the east, north, west, south (both neighbours agree, the rim is always walled)
 *    bits 4-7   a post at the corner NE, NW, SW, SE: an end of a neighbour's wall where this cell has none
 *    from bit 8 the task's own
 * Walls are as thick as `2 * half`, centred on the cells' sides and as much longer at both ends, so that they meet in posts.
 * The plan's middle is the world's origin. Metres.
 */

export interface FloorPlan {
  readonly columns: number;
  readonly rows: number;
  /** columns * rows */
  readonly count: number;
  /** Side of a cell, from wall middle to wall middle. */
  readonly cell: number;
  /** Half the thickness of a wall. */
  readonly half: number;
  /** Lower left corner of the plan. */
  readonly x0: number;
  readonly y0: number;
}

/** Directions in the order of the bits: east, north, west, south. */
export type Direction = 0 | 1 | 2 | 3;
const stepX = [1, 0, -1, 0] as const;
const stepY = [0, 1, 0, -1] as const;
/** Task's bits of a cell's number start here. */
export const firstTaskBit = 8;

export function createPlan(columns: number, rows: number, cell: number, half: number): FloorPlan {
  return {
    columns,
    rows,
    count: columns * rows,
    cell,
    half,
    x0: (-columns * cell) / 2,
    y0: (-rows * cell) / 2,
  };
}

export const cellX = (plan: FloorPlan, cell: number): number =>
  plan.x0 + (0.5 + (cell % plan.columns)) * plan.cell;
export const cellY = (plan: FloorPlan, cell: number): number =>
  plan.y0 + (0.5 + Math.floor(cell / plan.columns)) * plan.cell;

/** The cell of a point; the nearest one where it is outside. */
export function cellAt(plan: FloorPlan, x: number, y: number): number {
  const i = Math.floor((x - plan.x0) / plan.cell);
  const j = Math.floor((y - plan.y0) / plan.cell);
  const column = i < 0 ? 0 : i >= plan.columns ? plan.columns - 1 : i;
  const row = j < 0 ? 0 : j >= plan.rows ? plan.rows - 1 : j;
  return row * plan.columns + column;
}

/** The neighbour in a direction, -1 beyond the rim. */
export function neighbour(plan: FloorPlan, cell: number, direction: Direction): number {
  const i = (cell % plan.columns) + stepX[direction];
  const j = Math.floor(cell / plan.columns) + stepY[direction];
  return i < 0 || j < 0 || i >= plan.columns || j >= plan.rows ? -1 : j * plan.columns + i;
}

/** Middle of a cell's side. */
export const sideX = (plan: FloorPlan, cell: number, direction: Direction): number =>
  cellX(plan, cell) + 0.5 * plan.cell * stepX[direction];
export const sideY = (plan: FloorPlan, cell: number, direction: Direction): number =>
  cellY(plan, cell) + 0.5 * plan.cell * stepY[direction];

export const isWalled = (state: Float64Array, at: number, cell: number, direction: Direction): boolean =>
  (state[at + cell]! & (1 << direction)) !== 0;

/** Raises or removes a wall, on both of its sides; `finishPlan` must follow. */
export function setWall(
  plan: FloorPlan,
  state: Float64Array,
  at: number,
  cell: number,
  direction: Direction,
  isThere: boolean,
): void {
  const set = (c: number, d: number): void => {
    const bit = 1 << d;
    state[at + c] = isThere ? state[at + c]! | bit : state[at + c]! & ~bit;
  };
  set(cell, direction);
  const other = neighbour(plan, cell, direction);
  if (other >= 0) set(other, (direction + 2) % 4);
}

/** Walls the rim and writes the posts; needed after every change of walls. */
export function finishPlan(plan: FloorPlan, state: Float64Array, at: number): void {
  const { columns, rows } = plan;
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const c = at + j * columns + i;
      let code = state[c]! & ~0xf0;
      if (i === columns - 1) code |= 1;
      if (j === rows - 1) code |= 2;
      if (i === 0) code |= 4;
      if (j === 0) code |= 8;
      state[c] = code;
    }
  }
  for (let cell = 0; cell < plan.count; cell++) {
    let code = state[at + cell]!;
    for (let k = 0; k < 4; k++) {
      // Corner k lies between the directions k and k + 1.
      const d = k as Direction;
      const e = ((k + 1) % 4) as Direction;
      if ((code & ((1 << d) | (1 << e))) !== 0) continue;
      if (
        isWalled(state, at, neighbour(plan, cell, d), e) ||
        isWalled(state, at, neighbour(plan, cell, e), d)
      ) {
        code |= 16 << k;
      }
    }
    state[at + cell] = code;
  }
}

/** Too steep a ray to divide by its component; far below what a cast can tell from straight. */
const flattest = 1e-30;

/**
 * Distance in metres along a ray of unit direction to the first wall, at most `range`; exact, posts included. The ray starts
 * in the open.
 */
export function castPlan(
  plan: FloorPlan,
  state: Float64Array,
  at: number,
  x: number,
  y: number,
  dirX: number,
  dirY: number,
  range: number,
): number {
  const { columns, cell, half, x0, y0 } = plan;
  const dx = dirX < flattest && dirX > -flattest ? flattest : dirX;
  const dy = dirY < flattest && dirY > -flattest ? flattest : dirY;
  const east = dx > 0;
  const north = dy > 0;
  const inverseX = east ? 1 / dx : -1 / dx;
  const inverseY = north ? 1 / dy : -1 / dy;
  const i = Math.floor((x - x0) / cell);
  const j = Math.floor((y - y0) / cell);
  // Distances at which the ray leaves the cell across its sides, and how much earlier it meets the faces of their walls.
  let tx = (east ? x0 + (i + 1) * cell - x : x - x0 - i * cell) * inverseX;
  let ty = (north ? y0 + (j + 1) * cell - y : y - y0 - j * cell) * inverseY;
  const cellX = cell * inverseX;
  const cellY = cell * inverseY;
  const halfX = half * inverseX;
  const halfY = half * inverseY;
  const wallX = east ? 1 : 4;
  const wallY = north ? 2 : 8;
  // Corners: ahead in both, ahead in x only, ahead in y only. Behind in both nothing can be met.
  const ahead = east ? (north ? 16 : 128) : north ? 32 : 64;
  const aheadX = east ? (north ? 128 : 16) : north ? 64 : 32;
  const aheadY = east ? (north ? 32 : 64) : north ? 16 : 128;
  const stepColumn = east ? 1 : -1;
  const stepRow = north ? columns : -columns;
  let c = at + j * columns + i;
  for (;;) {
    const code = state[c]!;
    const leave = tx < ty ? tx : ty;
    // Candidates beyond the cell are no hits, but then nothing nearer is one either.
    let hit = Number.POSITIVE_INFINITY;
    if ((code & wallX) !== 0) hit = tx - halfX;
    if ((code & wallY) !== 0 && ty - halfY < hit) hit = ty - halfY;
    if ((code & 0xf0) !== 0) {
      // Posts as two slabs each: entered when both are, unless one is left before, or was before the ray began.
      if ((code & ahead) !== 0) {
        const enter = tx - halfX > ty - halfY ? tx - halfX : ty - halfY;
        if (enter <= tx + halfX && enter <= ty + halfY && enter < hit) hit = enter;
      }
      if ((code & aheadX) !== 0) {
        const back = ty - cellY;
        const enter = tx - halfX > back - halfY ? tx - halfX : back - halfY;
        if (back + halfY > 0 && enter <= back + halfY && enter <= tx + halfX && enter < hit) hit = enter;
      }
      if ((code & aheadY) !== 0) {
        const back = tx - cellX;
        const enter = ty - halfY > back - halfX ? ty - halfY : back - halfX;
        if (back + halfX > 0 && enter <= back + halfX && enter <= ty + halfY && enter < hit) hit = enter;
      }
    }
    // What lies beyond this cell is looked at from the next one.
    if (hit <= leave) return hit < range ? (hit > 0 ? hit : 0) : range;
    // Written so that NaN ends the loop.
    if (!(leave < range)) return range;
    if (tx < ty) {
      tx += cellX;
      c += stepColumn;
    } else {
      ty += cellY;
      c += stepRow;
    }
  }
}

/**
 * Breadth-first search from a cell over open sides. out[cell] is the number of sides to cross, -1 where there is no way.
 * @param order scratch of `plan.count` numbers; afterwards the cells in the order in which they were reached
 * @returns how many were reached
 */
export function floodPlan(
  plan: FloorPlan,
  state: Float64Array,
  at: number,
  from: number,
  out: Int16Array,
  order: Int16Array,
): number {
  const { columns, count } = plan;
  for (let i = 0; i < count; i++) out[i] = -1;
  out[from] = 0;
  order[0] = from;
  let reached = 1;
  for (let head = 0; head < reached; head++) {
    const cell = order[head]!;
    const code = state[at + cell]!;
    const hops = out[cell]! + 1;
    for (let d = 0; d < 4; d++) {
      if ((code & (1 << d)) !== 0) continue;
      const next = d === 0 ? cell + 1 : d === 1 ? cell + columns : d === 2 ? cell - 1 : cell - columns;
      if (out[next]! >= 0) continue;
      out[next] = hops;
      order[reached++] = next;
    }
  }
  return reached;
}
