/**
 * The step of `planar.ts` written out for one robot: the same operations in the same order, but every loop over links,
 * pairs and chains unrolled into straight lines of JavaScript whose numbers stay in registers, twice as fast. The
 * loops remain the reference and the way out where code may not be made at run time; both give the same bits
 * (`test/sim/engine/planar.test.ts`). What differs from body to body of one robot (masses, lengths) is read from tables.
 */

import type { PlanarDrive, PlanarGround, PlanarModel } from './planar.ts';

/** `stepPlanar` for one robot. */
export type PlanarStep = (
  model: PlanarModel,
  state: Float64Array,
  o: number,
  drive: PlanarDrive,
  ground: PlanarGround,
  steps: number,
) => void;

/** The scratch arrays and functions of `planar.ts` that the written-out step shares with it. */
export interface PlanarShared {
  readonly stride: number;
  readonly near: number;
  readonly clear: number;
  readonly turn: Float64Array;
  readonly originX: Float64Array;
  readonly originZ: Float64Array;
  readonly armX: Float64Array;
  readonly armZ: Float64Array;
  readonly mass: Float64Array;
  readonly inverse: Float64Array;
  readonly rhs: Float64Array;
  readonly rows: Float64Array;
  readonly deepest: Int32Array;
  readonly system: Float64Array;
  readonly gapSpeed: Float64Array;
  readonly bias: Float64Array;
  readonly softness: Float64Array;
  readonly stiff: Float64Array;
  readonly pivot: Float64Array;
  readonly mostRows: number;
  readonly pushSpeed: number;
  turnAll(model: PlanarModel, state: Float64Array, o: number): void;
  groundHeight(ground: PlanarGround, x: number): number;
  constrain(
    model: PlanarModel,
    state: Float64Array,
    o: number,
    ground: PlanarGround,
    limits: number,
    points: number,
    finishers: readonly ((r: number) => void)[] | null,
  ): void;
}

/** The sums of `cosSin` in `planar.ts`. */
const sineSum = (r2: string): string =>
  `1 + ${r2} * (-0.16666666666666666 + ${r2} * (0.008333333333333333 + ${r2} * (-0.0001984126984126984 + ${r2} * (2.7557319223985893e-6 + ${r2} * (-2.505210838544172e-8 + ${r2} * (1.6059043836821613e-10 + ${r2} * -7.647163731819816e-13))))))`;
const cosineSum = (r2: string): string =>
  `1 + ${r2} * (-0.5 + ${r2} * (0.041666666666666664 + ${r2} * (-0.001388888888888889 + ${r2} * (2.48015873015873e-5 + ${r2} * (-2.7557319223985888e-7 + ${r2} * (2.08767569878681e-9 + ${r2} * (-1.1470745597729725e-11 + ${r2} * 4.779477332387385e-14)))))))`;

/** Below this size of an angle no quarter turn is taken off; just below pi/4. */
const noReduction = 0.785;

function writeStep(model: PlanarModel, shared: PlanarShared): string {
  const { stride, near, clear, mostRows, pushSpeed } = shared;
  const { linkCount: L, dofCount: n, firstAngle: f, before, parent, pairs, pointCount, spec } = model;
  const h = spec.physicsDt;
  const g = spec.gravity;
  const isFree = f > 0;
  const firstJoint = isFree ? 1 : 0;
  const lines: string[] = [];
  const put = (line: string): void => {
    lines.push(line);
  };
  const chain = (i: number): number[] => {
    const above: number[] = [];
    for (let j = before[i]!; j >= 0; j = before[j]!) above.push(j);
    return above;
  };
  const upTo = Array.from({ length: n }, (_, i) => i);
  const downFrom = [...upTo].reverse();

  put(
    'const { turn, originX, originZ, armX, armZ, mass, inverse, rhs, turnAll, groundHeight, constrain } = shared;',
  );
  put('const { rows, deepest, system, gapSpeed, bias, softness, stiff, pivot } = shared;');
  // `finishRow`, one for every coordinate that a chain can end in.
  put('const finishers = [');
  for (const deep of upTo) {
    const links = [deep, ...chain(deep)];
    put(`function finish${deep}(r) { const row = r * ${stride}; let v = gapSpeed[r];`);
    for (const i of links) put(`let z${i} = rows[row + ${i}];`);
    for (const i of links) {
      for (const j of chain(i)) put(`z${j} -= mass[${i * stride + j}] * z${i};`);
      put(`const p${i} = z${i} * inverse[${i}]; v += p${i} * rhs[${i}]; rows[row + ${i}] = z${i};`);
    }
    put('gapSpeed[r] = v;');
    put(`for (let s = 0; s < r; s++) { const other = s * ${stride};`);
    put(`const a = 0 + ${links.map((i) => `p${i} * rows[other + ${i}]`).join(' + ')};`);
    put(`system[r * ${mostRows} + s] = a; system[s * ${mostRows} + r] = a; }`);
    put(`const entry = 0 + ${links.map((i) => `p${i} * z${i}`).join(' + ')};`);
    put(`system[r * ${mostRows} + r] = entry; deepest[r] = ${deep};`);
    put('const gap = bias[r]; let soft = 0;');
    put(`if (gap > 0) bias[r] = gap * ${model.stepRate};`);
    put(
      `else { const push = ${model.contactRate} * gap; bias[r] = push < ${-pushSpeed} ? ${-pushSpeed} : push;`,
    );
    put(`soft = ${model.contactSoftness} * entry; }`);
    put('softness[r] = soft; stiff[r] = entry + soft; pivot[r] = 1 / (entry + soft); },');
  }
  put('];');
  put('return function step(model, state, o, drive, ground, steps) {');
  put(
    'const { weightX, weightZ, diagonal, anchorX, anchorZ, pointX, pointZ, pointRadius, totalMass } = model;',
  );
  put('const { torque, gain, rateGain, target, rate, limit } = drive;');
  put('const isFlat = ground.amplitude === 0; const slope = ground.slope;');
  for (const i of upTo)
    put(`let v${i} = state[o + ${n + i}]; let q${i} = state[o + ${i}] + ${h / 2} * v${i};`);
  put('for (let step = 0; step < steps; step++) {');

  // Turns, ways, origins. (Branches whose sides do the same kinds of things: one that is seldom taken would make the
  // compiler throw its work away when it is taken for the first time.)
  const links = Array.from({ length: L }, (_, i) => i);
  put(`let ${links.map((i) => `c${i}, s${i}`).join(', ')};`);
  put(`if (${links.map((i) => `q${f + i} < ${noReduction} && q${f + i} > ${-noReduction}`).join(' && ')}) {`);
  for (const i of links) {
    const p = `q${f + i}`;
    put(`const r${i} = ${p} * ${p};`);
    put(`s${i} = ${p} * (${sineSum(`r${i}`)}); c${i} = ${cosineSum(`r${i}`)};`);
  }
  put('} else {');
  for (const i of links) put(`state[o + ${f + i}] = q${f + i};`);
  put('turnAll(model, state, o);');
  for (const i of links) put(`c${i} = turn[${2 * i}]; s${i} = turn[${2 * i + 1}];`);
  put('}');
  for (const i of links) {
    if (i === 0) {
      put(`const ox0 = ${isFree ? 'q0' : '0'}; const oz0 = ${isFree ? 'q1' : '0'};`);
    } else {
      const a = parent[i]!;
      put(`const dx${i} = c${a} * anchorX[${i}] + s${a} * anchorZ[${i}];`);
      put(`const dz${i} = c${a} * anchorZ[${i}] - s${a} * anchorX[${i}];`);
      put(`const ox${i} = ox${a} + dx${i}; const oz${i} = oz${a} + dz${i};`);
    }
  }

  // Mass matrix, gravity.
  if (isFree) {
    put('let m0_0 = totalMass; let m1_1 = totalMass; let m1_0 = 0;');
    put(`let e0 = 0; let e1 = ${-h * g} * totalMass;`);
  }
  for (let i = 0; i < L; i++) {
    const d = f + i;
    put(`const wx${i} = c${i} * weightX[${i}] + s${i} * weightZ[${i}];`);
    put(`const wz${i} = c${i} * weightZ[${i}] - s${i} * weightX[${i}];`);
    put(`let m${d}_${d} = diagonal[${i}]; let e${d} = ${h * g} * wx${i};`);
    if (isFree) put(`let m${d}_0 = wz${i}; let m${d}_1 = -wx${i};`);
  }
  for (let k = 0; 3 * k < pairs.length; k++) {
    const [a, b, child] = [pairs[3 * k]!, pairs[3 * k + 1]!, pairs[3 * k + 2]!];
    put(`let m${f + b}_${f + a} = dx${child} * wx${b} + dz${child} * wz${b};`);
    put(`const k${k} = ${h} * (dz${child} * wx${b} - dx${child} * wz${b});`);
  }

  // Joints.
  put('let limits = 0;');
  for (let i = firstJoint; i < L; i++) {
    const joint = spec.links[i]!.joint;
    const c = f + i;
    const p = parent[i]!;
    const d = f + p;
    put('{');
    put(`const angle = q${c} - ${p < 0 ? '0' : `q${d}`}; const turning = v${c} - ${p < 0 ? '0' : `v${d}`};`);
    put(`let stiffness = ${joint.stiffness}; let damping = ${joint.damping};`);
    put(`let t = torque[${i}] - stiffness * angle - damping * turning;`);
    put(`if (gain[${i}] !== 0 || rateGain[${i}] !== 0) {`);
    put(`const wanted = gain[${i}] * (target[${i}] - angle) + rateGain[${i}] * (rate[${i}] - turning);`);
    put(`if (wanted > limit[${i}]) t += limit[${i}]; else if (wanted < -limit[${i}]) t -= limit[${i}];`);
    put(`else { t += wanted; stiffness += gain[${i}]; damping += rateGain[${i}]; } }`);
    put(`const implicit = ${joint.armature} + ${h} * damping + ${h * h} * stiffness;`);
    put(`const push = ${h} * t - ${h * h} * stiffness * turning;`);
    put(`m${c}_${c} += implicit; e${c} += push;`);
    if (p >= 0) put(`m${d}_${d} += implicit; m${c}_${d} -= implicit; e${d} -= push;`);
    if (joint.low > Number.NEGATIVE_INFINITY || joint.high < Number.POSITIVE_INFINITY) {
      put(`const side = 2 * angle < ${joint.low + joint.high} ? 1 : -1;`);
      put(`const above = angle - ${joint.low}; const below = ${joint.high} - angle;`);
      put(`const gap = side > 0 ? above : below;`);
      put(`limits |= gap + ${h} * side * turning < ${2 * clear} ? ${1 << i} : 0;`);
    }
    put('}');
  }

  // L^T D L.
  for (const i of downFrom) {
    put(`const d${i} = 1 / m${i}_${i};`);
    for (const j of chain(i)) {
      put(`{ const l = m${i}_${j} * d${i};`);
      for (const k of [j, ...chain(j)]) put(`m${j}_${k} -= l * m${i}_${k};`);
      put(`m${i}_${j} = l; }`);
    }
  }

  // Centrifugal forces and the two solves.
  const centrifugal = (w: (i: number) => string): void => {
    if (isFree) {
      put('{ let fx = 0; let fz = 0;');
      for (let i = 0; i < L; i++) {
        const r = w(f + i);
        put(`fx += wx${i} * ${r} * ${r}; fz += wz${i} * ${r} * ${r};`);
      }
      put(`y0 += ${h} * fx; y1 += ${h} * fz; }`);
    }
    for (let k = 0; 3 * k < pairs.length; k++) {
      const a = f + pairs[3 * k]!;
      const b = f + pairs[3 * k + 1]!;
      put(`y${a} += k${k} * ${w(b)} * ${w(b)}; y${b} -= k${k} * ${w(a)} * ${w(a)};`);
    }
    for (const i of downFrom) for (const j of chain(i)) put(`y${j} -= m${i}_${j} * y${i};`);
  };
  const solve = (): void => {
    for (const i of upTo) {
      put(
        `x${i} = y${i} * d${i}${chain(i)
          .map((j) => ` - m${i}_${j} * x${j}`)
          .join('')};`,
      );
    }
  };
  put(`let ${upTo.map((i) => `x${i}, y${i} = e${i}`).join(', ')};`);
  centrifugal((i) => `v${i}`);
  solve();
  for (let i = 0; i < L; i++) put(`const w${f + i} = v${f + i} + x${f + i} / 2;`);
  for (const i of upTo) put(`y${i} = e${i};`);
  centrifugal((i) => `w${i}`);

  // Points near the ground.
  put('let points = 0;');
  for (let k = 0; k < pointCount; k++) {
    const i = model.pointLink[k]!;
    put(`{ const x = ox${i} + c${i} * pointX[${k}] + s${i} * pointZ[${k}];`);
    put(`const z = oz${i} + c${i} * pointZ[${k}] - s${i} * pointX[${k}];`);
    put(
      `points |= z - pointRadius[${k}] - (isFlat ? slope * x : groundHeight(ground, x)) > ${near} ? 0 : ${1 << k}; }`,
    );
  }
  put('if (limits !== 0 || points !== 0) {');
  for (let i = 0; i < L; i++) {
    put(
      `turn[${2 * i}] = c${i}; turn[${2 * i + 1}] = s${i}; originX[${i}] = ox${i}; originZ[${i}] = oz${i};`,
    );
    if (i > 0) put(`armX[${i}] = dx${i}; armZ[${i}] = dz${i};`);
  }
  for (const i of upTo) {
    put(`inverse[${i}] = d${i}; rhs[${i}] = y${i}; state[o + ${i}] = q${i}; state[o + ${n + i}] = v${i};`);
    for (const j of chain(i)) put(`mass[${i * stride + j}] = m${i}_${j};`);
  }
  put('constrain(model, state, o, ground, limits, points, finishers);');
  for (const i of upTo) put(`y${i} = rhs[${i}];`);
  put(`} else { state.fill(0, o + ${2 * n}, o + ${model.size}); }`);

  solve();
  for (const i of upTo) put(`v${i} += x${i}; q${i} += ${h} * v${i};`);
  put('}');
  for (const i of upTo) put(`state[o + ${i}] = q${i} - ${h / 2} * v${i}; state[o + ${n + i}] = v${i};`);
  put('};');
  return lines.join('\n');
}

/** Nothing where the host forbids making code at run time. */
export function makeStep(model: PlanarModel, shared: PlanarShared): PlanarStep | undefined {
  try {
    return new Function('shared', writeStep(model, shared))(shared) as PlanarStep;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
