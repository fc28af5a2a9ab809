/**
 * The first physics: a two-finger gripper over a table with one free block, many worlds stepped together.
 *
 * What is simulated
 *  - The gripper follows velocity commands within limits of speed and acceleration; it is as strong as it needs to be
 *    sideways and upwards, and yields when its fingertips stand on the block.
 *  - The fingers mirror each other along y and share one coordinate, the opening q (from the centre to a pad). A servo
 *    of limited force drives q, so the grip force is limited and a block can slip out.
 *  - The block is a cube with three translations and yaw; it does not tip. Table and floor carry it, with Coulomb
 *    friction against sliding and spinning; the fingers push it and hold it by friction.
 *
 * How: semi-implicit Euler with velocity constraints solved by projected Gauss-Seidel. Per physics step h:
 *    v  <- v + h g                              gravity
 *    solve for impulses: relative speed along each contact normal >= bias, |friction impulse| <= mu * normal impulse
 *    x  <- x + h v
 * A contact with gap d > 0 gets bias -d / h, so that it closes exactly and never overshoots; one with penetration
 * gets a small positive bias that pushes it out over several steps. No state but the row: nothing is kept between
 * steps, so worlds do not depend on each other or on the batch they are in.
 *
 * Only + - * / and sqrt: the same bits on every machine.
 */

/** Offsets inside a state row. Element 0 belongs to the task (its step counter). */
export const row = {
  gripperPos: 1,
  gripperVel: 4,
  /** Opening, its rate, and the opening the servo aims for. */
  opening: 7,
  openingRate: 8,
  openingTarget: 9,
  /** First number after the gripper; a world without a block ends here. */
  gripperEnd: 10,
  blockPos: 10,
  /** cos and sin of the yaw angle. */
  blockYaw: 13,
  blockVel: 15,
  blockSpin: 18,
  blockEnd: 19,
} as const;

export interface WorldSpec {
  readonly stride: number;
  readonly hasBlock: boolean;
  /** The fourth action drives the fingers; without it they stay as they are. */
  readonly hasFingers: boolean;
  /** Seconds of one physics step. */
  readonly physicsDt: number;
  readonly substeps: number;
  /** Friction coefficient between block and table. */
  readonly tableFriction: number;
}

/** Measures in metres, kilograms, seconds, newtons. The origin is the middle of the table top, z up. */
export const scene = {
  gravity: 9.81,
  blockHalf: 0.025,
  blockMass: 0.1,
  /** Fingers as boxes: half width along x, thickness along y (outwards from the pad), height above the tip. */
  fingerHalfX: 0.011,
  fingerThickness: 0.012,
  fingerHeight: 0.055,
  fingerMass: 0.2,
  fingerForce: 10,
  fingerSpeed: 0.1,
  fingerFriction: 0.5,
  openingMax: 0.04,
  gripperSpeed: 0.15,
  gripperAcceleration: 2.5,
  /** Where the point between the fingertips can go. */
  workspaceLow: [-0.25, -0.3, 0.012],
  workspaceHigh: [0.25, 0.3, 0.3],
  tableHalf: [0.4, 0.45],
  floorZ: -0.75,
} as const;

const gravity = scene.gravity;
const half = scene.blockHalf;
const inverseMass = 1 / scene.blockMass;
/** Cube about its middle: m (2 half)^2 / 6. */
const inverseInertia = 6 / (scene.blockMass * 4 * half * half);
const inverseFingerMass = 1 / scene.fingerMass;
/** Lever of the friction torque of an evenly loaded square of side a: 0.3826 a. */
const spinLever = 0.3826 * 2 * half;
const iterations = 10;
/** Contacts nearer than this take part in the solve; more than the fastest approach in one physics step. */
const margin = 0.004;
/** Fingertips above this depth below the block's top stand on it, deeper ones are beside it. */
const topBand = 0.004;
/** Below this opening the two fingers act as one body. */
const closedOpening = 0.002;
/** Penetration left alone, and the share of the rest that one step removes. */
const slop = 0.0002;
const pushOut = 0.2;
const maxPushOut = 0.3;
/** How far the servo's aim may run ahead of the fingers. */
const windup = 0.01;
const servoGain = 30;

// Contacts of the world being stepped, at most two a finger. Shared by all worlds, valid within one physics step only.
const maxContacts = 4;
let contacts = 0;
const side = new Float64Array(maxContacts); // +1 and -1: finger at +y, -y; 0: both as one
const normalX = new Float64Array(maxContacts); // from the finger to the block
const normalY = new Float64Array(maxContacts);
const leverX = new Float64Array(maxContacts); // contact point from the block's middle
const leverY = new Float64Array(maxContacts);
const bias = new Float64Array(maxContacts);
const massNormal = new Float64Array(maxContacts);
const massTangent = new Float64Array(maxContacts);
const impulseNormal = new Float64Array(maxContacts);
const impulseTangent = new Float64Array(maxContacts);
const impulseUp = new Float64Array(maxContacts);

function addContact(
  finger: number,
  nx: number,
  ny: number,
  rx: number,
  ry: number,
  gap: number,
  h: number,
): void {
  if (gap > margin || contacts === maxContacts) return;
  const i = contacts++;
  side[i] = finger;
  normalX[i] = nx;
  normalY[i] = ny;
  leverX[i] = rx;
  leverY[i] = ry;
  bias[i] = gap >= 0 ? -gap / h : Math.min(maxPushOut, (pushOut * Math.max(0, -gap - slop)) / h);
  const rn = rx * ny - ry * nx;
  const rt = rx * nx + ry * ny; // lever of the tangent (-ny, nx)
  const fingerShare = finger === 0 ? 0 : inverseFingerMass;
  massNormal[i] = 1 / (inverseMass + rn * rn * inverseInertia + ny * ny * fingerShare);
  massTangent[i] = 1 / (inverseMass + rt * rt * inverseInertia + nx * nx * fingerShare);
  impulseNormal[i] = 0;
  impulseTangent[i] = 0;
  impulseUp[i] = 0;
}

/**
 * The piece of an edge that lies between the side planes |t| <= limit of the other body's face, as contacts.
 * Edge ends: tangential coordinate t, gap g along the normal, lever (x, y).
 */
function clipEdge(
  finger: number,
  nx: number,
  ny: number,
  limit: number,
  t0: number,
  g0: number,
  x0: number,
  y0: number,
  t1: number,
  g1: number,
  x1: number,
  y1: number,
  h: number,
): void {
  const lowFirst = t0 <= t1;
  const ta = lowFirst ? t0 : t1;
  const tb = lowFirst ? t1 : t0;
  if (ta > limit || tb < -limit) return;
  const ga = lowFirst ? g0 : g1;
  const gb = lowFirst ? g1 : g0;
  const xa = lowFirst ? x0 : x1;
  const xb = lowFirst ? x1 : x0;
  const ya = lowFirst ? y0 : y1;
  const yb = lowFirst ? y1 : y0;
  const length = tb - ta;
  const from = ta < -limit ? (-limit - ta) / length : 0;
  const to = tb > limit ? (limit - ta) / length : 1;
  addContact(finger, nx, ny, xa + from * (xb - xa), ya + from * (yb - ya), ga + from * (gb - ga), h);
  addContact(finger, nx, ny, xa + to * (xb - xa), ya + to * (yb - ya), ga + to * (gb - ga), h);
}

/** Separation of a finger (axis-aligned box at 0, halves fx, fy) and the block's square (at dx, dy; yaw c, s); negative inside. */
function separation(dx: number, dy: number, fx: number, fy: number, c: number, s: number): number {
  const ac = Math.abs(c);
  const as = Math.abs(s);
  const reach = half * (ac + as);
  return Math.max(
    Math.abs(dx) - fx - reach,
    Math.abs(dy) - fy - reach,
    Math.abs(dx * c + dy * s) - half - fx * ac - fy * as,
    Math.abs(dy * c - dx * s) - half - fx * as - fy * ac,
  );
}

/** Contacts between one finger and the block by separating axes: the axis of least overlap gives the normal. */
function collide(
  finger: number,
  dx: number,
  dy: number,
  fx: number,
  fy: number,
  c: number,
  s: number,
  h: number,
): void {
  const ac = Math.abs(c);
  const as = Math.abs(s);
  const reach = half * (ac + as);
  const sepX = Math.abs(dx) - fx - reach;
  const sepY = Math.abs(dy) - fy - reach;
  const du = dx * c + dy * s;
  const dv = dy * c - dx * s;
  const sepU = Math.abs(du) - half - fx * ac - fy * as;
  const sepV = Math.abs(dv) - half - fx * as - fy * ac;
  const sepFinger = Math.max(sepX, sepY);
  const sepBlock = Math.max(sepU, sepV);
  if (sepFinger > margin || sepBlock > margin) return;

  if (sepFinger + 1e-4 >= sepBlock) {
    // A face of the finger against the block's edge that looks at it.
    const alongX = sepX >= sepY;
    const nx = alongX ? (dx < 0 ? -1 : 1) : 0;
    const ny = alongX ? 0 : dy < 0 ? -1 : 1;
    // Outward normal of that edge: of +-u, +-v the one most against n.
    const nu = nx * c + ny * s;
    const nv = ny * c - nx * s;
    const useU = Math.abs(nu) >= Math.abs(nv);
    const sign = useU ? (nu > 0 ? -1 : 1) : nv > 0 ? -1 : 1;
    const ex = useU ? sign * c : -sign * s;
    const ey = useU ? sign * s : sign * c;
    const x0 = half * (ex - ey);
    const y0 = half * (ey + ex);
    const x1 = half * (ex + ey);
    const y1 = half * (ey - ex);
    const reference = alongX ? fx : fy;
    const g0 = (dx + x0) * nx + (dy + y0) * ny - reference;
    const g1 = (dx + x1) * nx + (dy + y1) * ny - reference;
    const t0 = alongX ? dy + y0 : dx + x0;
    const t1 = alongX ? dy + y1 : dx + x1;
    clipEdge(finger, nx, ny, alongX ? fy : fx, t0, g0, x0, y0, t1, g1, x1, y1, h);
  } else {
    // A face of the block against the finger's edge that looks at it.
    const useU = sepU >= sepV;
    const sign = useU ? (du < 0 ? -1 : 1) : dv < 0 ? -1 : 1;
    const nx = useU ? sign * c : -sign * s;
    const ny = useU ? sign * s : sign * c;
    const alongX = Math.abs(nx) >= Math.abs(ny);
    const px = alongX ? (nx < 0 ? -fx : fx) : fx;
    const py = alongX ? fy : ny < 0 ? -fy : fy;
    const qx = alongX ? px : -fx;
    const qy = alongX ? -fy : py;
    // Levers: from the block's middle to the finger's corners.
    const x0 = px - dx;
    const y0 = py - dy;
    const x1 = qx - dx;
    const y1 = qy - dy;
    const g0 = -(x0 * nx + y0 * ny) - half;
    const g1 = -(x1 * nx + y1 * ny) - half;
    const t0 = y0 * nx - x0 * ny;
    const t1 = y1 * nx - x1 * ny;
    clipEdge(finger, nx, ny, half, t0, g0, x0, y0, t1, g1, x1, y1, h);
  }
}

const clampTo = (value: number, limit: number): number =>
  value > limit ? limit : value < -limit ? -limit : value;

/** Speed that moves towards `wanted` by at most `most`. */
function approach(speed: number, wanted: number, most: number): number {
  return speed + clampTo(wanted - speed, most);
}

/** The speed along one axis that keeps the gripper inside its workspace after this physics step. */
function keepInside(speed: number, at: number, low: number, high: number, h: number): number {
  const next = at + speed * h;
  if (next > high) return (high - at) / h;
  if (next < low) return (low - at) / h;
  return speed;
}

/**
 * One control step of `count` worlds from row `first`, in place. Actions in [-1, 1], `actionDim` a world: gripper
 * velocity x y z as a share of its top speed, then, where the world has fingers, closing (+) or opening (-) speed.
 */
export function stepWorlds(
  spec: WorldSpec,
  states: Float64Array,
  actions: Float64Array,
  actionDim: number,
  first: number,
  count: number,
): void {
  for (let world = first; world < first + count; world++) {
    const o = world * spec.stride;
    const a = world * actionDim;
    const ax = clampTo(actions[a]!, 1) * scene.gripperSpeed;
    const ay = clampTo(actions[a + 1]!, 1) * scene.gripperSpeed;
    const az = clampTo(actions[a + 2]!, 1) * scene.gripperSpeed;
    if (spec.hasFingers) {
      const opening = states[o + row.opening]!;
      const moved =
        states[o + row.openingTarget]! -
        clampTo(actions[a + 3]!, 1) * scene.fingerSpeed * spec.physicsDt * spec.substeps;
      states[o + row.openingTarget] = Math.min(
        scene.openingMax,
        Math.max(-windup, opening + clampTo(moved - opening, windup)),
      );
    }
    for (let k = 0; k < spec.substeps; k++) stepOne(spec, states, o, ax, ay, az);
  }
}

function stepOne(spec: WorldSpec, states: Float64Array, o: number, ax: number, ay: number, az: number): void {
  const h = spec.physicsDt;
  const low = scene.workspaceLow;
  const high = scene.workspaceHigh;

  // 1. The gripper's own motion.
  let gx = states[o + row.gripperPos]!;
  let gy = states[o + row.gripperPos + 1]!;
  let gz = states[o + row.gripperPos + 2]!;
  const change = scene.gripperAcceleration * h;
  const gvx = keepInside(approach(states[o + row.gripperVel]!, ax, change), gx, low[0], high[0], h);
  const gvy = keepInside(approach(states[o + row.gripperVel + 1]!, ay, change), gy, low[1], high[1], h);
  let gvz = keepInside(approach(states[o + row.gripperVel + 2]!, az, change), gz, low[2], high[2], h);
  let opening = states[o + row.opening]!;
  let rate = states[o + row.openingRate]!;
  const closed = opening < closedOpening;
  const fingerHalfY = closed ? opening + scene.fingerThickness : scene.fingerThickness / 2;
  const fingerY = opening + scene.fingerThickness / 2;

  if (spec.hasBlock) {
    let bx = states[o + row.blockPos]!;
    let by = states[o + row.blockPos + 1]!;
    let bz = states[o + row.blockPos + 2]!;
    const c = states[o + row.blockYaw]!;
    const s = states[o + row.blockYaw + 1]!;
    let vx = states[o + row.blockVel]!;
    let vy = states[o + row.blockVel + 1]!;
    let vz = states[o + row.blockVel + 2]! - gravity * h;
    let spin = states[o + row.blockSpin]!;

    // 2. Contacts of the fingers.
    contacts = 0;
    const dx = bx - gx;
    const dy = by - gy;
    const tipGap = gz - (bz + half);
    const near = Math.abs(dx) < 0.06 && Math.abs(dy) < 0.11;
    if (near && tipGap < margin && gz + scene.fingerHeight > bz - half) {
      if (tipGap > -topBand) {
        const over = closed
          ? separation(dx, dy, scene.fingerHalfX, fingerHalfY, c, s)
          : Math.min(
              separation(dx, dy - fingerY, scene.fingerHalfX, fingerHalfY, c, s),
              separation(dx, dy + fingerY, scene.fingerHalfX, fingerHalfY, c, s),
            );
        // Fingertips on the block: the arm yields rather than press the block through the table.
        if (over < 0)
          gvz = Math.max(gvz, tipGap >= 0 ? -tipGap / h : Math.min(maxPushOut, (pushOut * -tipGap) / h));
      } else if (closed) {
        collide(0, dx, dy, scene.fingerHalfX, fingerHalfY, c, s, h);
      } else {
        collide(1, dx, dy - fingerY, scene.fingerHalfX, fingerHalfY, c, s, h);
        collide(-1, dx, dy + fingerY, scene.fingerHalfX, fingerHalfY, c, s, h);
      }
    }

    // 3. What carries the block. Beside the table's edge, or already below its top, it is the floor.
    const onTable =
      Math.abs(bx) <= scene.tableHalf[0] && Math.abs(by) <= scene.tableHalf[1] && bz > half - 0.02;
    const supportGap = bz - half - (onTable ? 0 : scene.floorZ);
    const supported = supportGap < -vz * h + margin;
    const supportBias = supportGap >= 0 ? -supportGap / h : Math.min(maxPushOut, (pushOut * -supportGap) / h);

    // 4. Impulses. One pass is exact while nothing but the table touches the block.
    const wantedRate = clampTo((states[o + row.openingTarget]! - opening) * servoGain, scene.fingerSpeed);
    const mostServo = scene.fingerForce * h;
    let servo = 0;
    let tableNormal = 0;
    let tableX = 0;
    let tableY = 0;
    let tableSpin = 0;
    const passes = contacts > 0 ? iterations : 1;
    for (let pass = 0; pass < passes; pass++) {
      if (spec.hasFingers) {
        const before = servo;
        servo = clampTo(before + (wantedRate - rate) * scene.fingerMass, mostServo);
        rate += (servo - before) * inverseFingerMass;
        if (opening + rate * h < 0) rate = -opening / h;
        else if (opening + rate * h > scene.openingMax) rate = (scene.openingMax - opening) / h;
      }
      if (supported) {
        const before = tableNormal;
        tableNormal = Math.max(0, before + (supportBias - vz) * scene.blockMass);
        vz += (tableNormal - before) * inverseMass;

        const most = spec.tableFriction * tableNormal;
        // Sliding and spinning share the friction (ellipsoidal limit surface): what turns slides more easily.
        let x = tableX - vx * scene.blockMass;
        let y = tableY - vy * scene.blockMass;
        let twist = tableSpin - spin / inverseInertia;
        const lever = twist / spinLever;
        const size = Math.sqrt(x * x + y * y + lever * lever);
        if (size > most) {
          const share = most / size;
          x *= share;
          y *= share;
          twist *= share;
        }
        vx += (x - tableX) * inverseMass;
        vy += (y - tableY) * inverseMass;
        spin += (twist - tableSpin) * inverseInertia;
        tableX = x;
        tableY = y;
        tableSpin = twist;
      }
      for (let i = 0; i < contacts; i++) {
        const nx = normalX[i]!;
        const ny = normalY[i]!;
        const rx = leverX[i]!;
        const ry = leverY[i]!;
        const finger = side[i]!;
        const rt = rx * nx + ry * ny;
        // Friction first, with the normal impulse known so far; the normal comes last so that nothing sinks in.
        const ux = vx - spin * ry - gvx;
        const uy = vy + spin * rx - gvy - finger * rate;
        let t = impulseTangent[i]! - (uy * nx - ux * ny) * massTangent[i]!;
        let up = impulseUp[i]! - (vz - gvz) * scene.blockMass;
        const most = scene.fingerFriction * impulseNormal[i]!;
        const size = Math.sqrt(t * t + up * up);
        if (size > most) {
          t *= most / size;
          up *= most / size;
        }
        const dt = t - impulseTangent[i]!;
        vx -= dt * ny * inverseMass;
        vy += dt * nx * inverseMass;
        spin += dt * rt * inverseInertia;
        if (spec.hasFingers) rate -= dt * nx * finger * inverseFingerMass;
        vz += (up - impulseUp[i]!) * inverseMass;
        impulseTangent[i] = t;
        impulseUp[i] = up;
      }
      for (let i = 0; i < contacts; i++) {
        const nx = normalX[i]!;
        const ny = normalY[i]!;
        const rx = leverX[i]!;
        const ry = leverY[i]!;
        const finger = side[i]!;
        const rn = rx * ny - ry * nx;
        const speed = nx * (vx - spin * ry - gvx) + ny * (vy + spin * rx - gvy - finger * rate);
        const before = impulseNormal[i]!;
        const after = Math.max(0, before + (bias[i]! - speed) * massNormal[i]!);
        const dn = after - before;
        vx += dn * nx * inverseMass;
        vy += dn * ny * inverseMass;
        spin += dn * rn * inverseInertia;
        if (spec.hasFingers) rate -= dn * ny * finger * inverseFingerMass;
        impulseNormal[i] = after;
      }
    }
    if (spec.hasFingers) {
      if (opening + rate * h < 0) rate = -opening / h;
      else if (opening + rate * h > scene.openingMax) rate = (scene.openingMax - opening) / h;
    }

    // 5. The block moves. The yaw pair turns by the tangent and is brought back to length one.
    bx += vx * h;
    by += vy * h;
    bz += vz * h;
    const turn = spin * h;
    const c1 = c - s * turn;
    const s1 = s + c * turn;
    const scale = 1 / Math.sqrt(c1 * c1 + s1 * s1);
    states[o + row.blockPos] = bx;
    states[o + row.blockPos + 1] = by;
    states[o + row.blockPos + 2] = bz;
    states[o + row.blockYaw] = c1 * scale;
    states[o + row.blockYaw + 1] = s1 * scale;
    states[o + row.blockVel] = vx;
    states[o + row.blockVel + 1] = vy;
    states[o + row.blockVel + 2] = vz;
    states[o + row.blockSpin] = spin;
  } else if (spec.hasFingers) {
    const wantedRate = clampTo((states[o + row.openingTarget]! - opening) * servoGain, scene.fingerSpeed);
    rate = approach(rate, wantedRate, scene.fingerForce * h * inverseFingerMass);
    if (opening + rate * h < 0) rate = -opening / h;
    else if (opening + rate * h > scene.openingMax) rate = (scene.openingMax - opening) / h;
  }

  // 6. The gripper moves.
  gx += gvx * h;
  gy += gvy * h;
  gz += gvz * h;
  if (spec.hasFingers) {
    opening += rate * h;
    states[o + row.opening] = opening;
    states[o + row.openingRate] = rate;
  }
  states[o + row.gripperPos] = gx;
  states[o + row.gripperPos + 1] = gy;
  states[o + row.gripperPos + 2] = gz;
  states[o + row.gripperVel] = gvx;
  states[o + row.gripperVel + 1] = gvy;
  states[o + row.gripperVel + 2] = gvz;
}
