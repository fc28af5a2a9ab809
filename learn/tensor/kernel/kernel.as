/**
 * Dense networks forward and backward, and Adam, on float32 vectors. AssemblyScript, compiled by build/networks-kernel.ts
 * (which also writes out the `#for` loops: the lines up to `#end` once for every k, with $k in its place).
 *
 * Rows are worked on in blocks of 32. Within a block, numbers lie in panels of 8 columns, [columns / 8][row][8], and
 * weights lie in panels of 8 outputs, [outputs / 8][input][8]; what is missing to 8 is zero. So the inner loops read all
 * memory in order, with one pointer for each operand. A weight's transpose has the same form with inputs and outputs
 * exchanged: 8 x 8 numbers that lie together stay together.
 *
 * Several threads run this module on one memory. A job is cut into units that depend on the sizes alone, each unit writes
 * where no other does, and sums over units are taken in order: the bits do not depend on who did what.
 */

// Rows of a block, and bytes from one panel of a block to the next (one line more: all panels at a power of two would
// fall on the same few lines of the cache).
const blockRows: i32 = 32;
const panelBytes: usize = 32 * 32 + 64;

// ---- where the signals are; learn/tensor/kernel/layout.ts says the same ----

/**
 * Generation (22 bits), units, units taken from the end, units taken from the front (14 bits each): a unit is taken by
 * exchanging the whole word.
 */
const ticketAt: usize = 1024;
/** Units that are done. */
const doneAt: usize = 1088;
const callerAsleepAt: usize = 1152;
const failedAt: usize = 1216;
const closedAt: usize = 1220;
/** How many threads may work now, the caller's included. */
const threadsAt: usize = 1224;
/** How long a unit may take, ns (i64). */
const patienceAt: usize = 1232;
/** Of each thread 64 bytes: the generation it is called to (i32), whether it sleeps (i32), its scratch memory (i32). */
const doorsAt: usize = 2048;
/** 64 bytes of zeros: the biases of a product that has none. */
const zerosAt: usize = 6144;

// ---- the job ----

const forwardJob: i32 = 0;
const backwardJob: i32 = 1;
const gradientJob: i32 = 2;
const gatherJob: i32 = 3;
const adamJob: i32 = 4;
const blendJob: i32 = 5;
const peakJob: i32 = 6;
/** Of whole networks instead of segments. */
const gatherNetworkJob: i32 = 7;
const adamNetworkJob: i32 = 8;

let generation: i32 = 0;

// The job of the moment is in shared memory, where every thread's instance reads it.
const jobKindAt: usize = 1280;
const jobSelfAt: usize = 1284;
const jobRowsAt: usize = 1288;
const jobBlocksAt: usize = 1292;
const jobOtherAt: usize = 1296;
/** f32: what the gradient is multiplied with; learning rate / (1 - beta1^t); 1 / (1 - beta2^t); epsilon. */
const jobScaleAt: usize = 1304;
const jobRateAt: usize = 1308;
const jobSecondAt: usize = 1312;
const jobEpsilonAt: usize = 1316;

// A job beside those of the caller, who goes on meanwhile: `regress`. The same for it.
const sideTicketAt: usize = 1344;
const sideDoneAt: usize = 1408;
/** 0: there is none. */
const sideUnitsAt: usize = 1472;
const sideSelfAt: usize = 1476;
const sideCountAt: usize = 1480;
const sideRowsAt: usize = 1484;
const sideBlocksAt: usize = 1488;
/** f64: the loss is this times half the square. */
const sideScaleAt: usize = 1496;

// ---- descriptors, written by learn/tensor/kernel/networks.ts; all fields i32 ----

@inline function field(base: usize, index: i32): i32 { return load<i32>(base + (<usize>index << 2)); }
@inline function address(base: usize, index: i32): usize { return <usize>load<i32>(base + (<usize>index << 2)); }

// Networks: segments, segment count, parameters, first moments, second moments, gradients, bytes from one shard's gradient
// to the next, networks, network count, which, partial sums, which of the job beside.
@inline function segmentOf(self: usize, k: i32): usize { return address(self, 0) + <usize>k * 32; }
@inline function networkOf(self: usize, n: i32): usize { return address(self, 7) + <usize>n * 64; }
@inline function chosenOf(self: usize, k: i32): usize {
  return networkOf(self, load<i32>(address(self, 9) + (<usize>k << 2)));
}
@inline function besideOf(self: usize, k: i32): usize {
  return networkOf(self, load<i32>(address(self, 11) + (<usize>k << 2)));
}

// Network: 0 layers, 1 layer count, 2 input rows, 3 output rows, 4 output gradients, 5 input gradients or 0,
// 6 shards that have a gradient to add to, 7 whether the transposes are old, 8 multiplications a row, 9 output groups of
// all layers, 10 what the outputs shall be (f64) or 0.
const usedField: usize = 24;
const oldField: usize = 28;
@inline function layerOf(net: usize, l: i32): usize { return address(net, 0) + <usize>l * 64; }

// Layer: 0 inputs, 1 outputs, 2 input groups of 8, 3 output groups, 4 weights, 5 biases, 6 transposed weights or 0,
// 7 and 8 bytes from the start of a gradient to those of weights and biases, 9 activation, 10 input panels of all blocks,
// 11 output panels of all blocks or 0 (last layer), 12 panels of all blocks for dz, the loss's gradient before the activation.
const tanhKind: i32 = 1;
const reluKind: i32 = 2;

// Segment of the parameters: 0 first number, 1 count, 2 network or 0 (loose numbers), 3 transposed weights or 0,
// 4 input groups, 5 output groups, 6 first block of 64 in its layer.

// ---- arithmetic ----

@inline function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// Constants are read from memory: the compiler would put a literal into every place of use, and an engine makes each of
// them anew in several instructions.
const constantsAt: usize = 6208;
@inline function constant(index: i32): v128 { return v128.load(constantsAt + (<usize>index << 4)); }
@inline function setConstant(index: i32, value: f32): void {
  v128.store(constantsAt + (<usize>index << 4), f32x4.splat(value));
}
// 0: end, 1: -end, 2: 1, 3: -1, from 4: P from its highest term, from 10: Q, from 16: Adam.

/** Once, before anything else. */
export function setUp(): void {
  setConstant(0, TANH_END);
  setConstant(1, -TANH_END);
  setConstant(2, 1);
  setConstant(3, -1);
  TANH_CONSTANTS
  setConstant(16, 0.9);
  setConstant(17, 0.1);
  setConstant(18, 0.999);
  setConstant(19, 0.001);
}

/**
 * tanh x = x P(x^2) / Q(x^2), with x held within +-end, of the eight numbers at `a` and the eight at `b`, in place. Four
 * vectors at once share the loads of the constants. Odd, because x^2 is even; `pmin` and `pmax` let not-a-number pass.
 * Coefficients: build/networks-kernel.ts.
 */
function tanh16(a: usize, b: usize): void {
  const end = constant(0);
  const minusEnd = constant(1);
  const x0 = f32x4.pmin(f32x4.pmax(v128.load(a), minusEnd), end);
  const x1 = f32x4.pmin(f32x4.pmax(v128.load(a, 16), minusEnd), end);
  const x2 = f32x4.pmin(f32x4.pmax(v128.load(b), minusEnd), end);
  const x3 = f32x4.pmin(f32x4.pmax(v128.load(b, 16), minusEnd), end);
#for 4
  const u$k = f32x4.mul(x$k, x$k);
#end
  let c = constant(4);
  let term = constant(5);
#for 4
  let p$k = madd(c, u$k, term);
#end
  term = constant(6);
#for 4
  p$k = madd(p$k, u$k, term);
#end
  term = constant(7);
#for 4
  p$k = madd(p$k, u$k, term);
#end
  term = constant(8);
#for 4
  p$k = f32x4.mul(madd(p$k, u$k, term), x$k);
#end
  c = constant(10);
  term = constant(11);
#for 4
  let q$k = madd(c, u$k, term);
#end
  term = constant(12);
#for 4
  q$k = madd(q$k, u$k, term);
#end
  term = constant(13);
#for 4
  q$k = madd(q$k, u$k, term);
#end
  const one = constant(2);
  const minusOne = constant(3);
#for 4
  q$k = madd(q$k, u$k, one);
#end
#for 4
  p$k = f32x4.pmin(f32x4.pmax(f32x4.div(p$k, q$k), minusOne), one);
#end
  v128.store(a, p0);
  v128.store(a, p1, 16);
  v128.store(b, p2);
  v128.store(b, p3, 16);
}

/** One panel in place; rows are rounded up to two. */
function activate(y: usize, rows: i32, kind: i32): void {
  const end = y + (<usize>rows << 5);
  if (kind == tanhKind) {
    for (; y < end; y += 64) tanh16(y, y + 32);
  } else if (kind == reluKind) {
    const zero = f32x4.splat(0);
    for (; y < end; y += 32) {
      v128.store(y, f32x4.pmax(v128.load(y), zero));
      v128.store(y, f32x4.pmax(v128.load(y, 16), zero), 16);
    }
  }
}

/** All panels of one row. */
function activateRow(y: usize, groups: i32, kind: i32): void {
  const last = y + <usize>(groups - 1) * panelBytes;
  if (kind == tanhKind) {
    for (; y < last; y += 2 * panelBytes) tanh16(y, y + panelBytes);
    if (y == last) tanh16(y, y);
  } else for (; y <= last; y += panelBytes) activate(y, 1, kind);
}

/** dz = dy act'(z) in place, with tanh'(z) = 1 - y^2 and relu'(z) = [y > 0]. One panel each. */
function differentiate(dy: usize, y: usize, rows: i32, kind: i32): void {
  const end = y + (<usize>rows << 5);
  if (kind == tanhKind) {
    const one = constant(2);
    for (; y < end; y += 32, dy += 32) {
      const a = v128.load(y);
      const b = v128.load(y, 16);
      v128.store(dy, f32x4.mul(v128.load(dy), f32x4.sub(one, f32x4.mul(a, a))));
      v128.store(dy, f32x4.mul(v128.load(dy, 16), f32x4.sub(one, f32x4.mul(b, b))), 16);
    }
  } else if (kind == reluKind) {
    const zero = f32x4.splat(0);
    for (; y < end; y += 32, dy += 32) {
      v128.store(dy, v128.and(v128.load(dy), f32x4.gt(v128.load(y), zero)));
      v128.store(dy, v128.and(v128.load(dy, 16), f32x4.gt(v128.load(y, 16), zero)), 16);
    }
  }
}

// ---- products ----

/** Of a longer sum, so many terms at a time: the weights for them stay in the nearest cache for all rows. */
const innerChunk: i32 = 256;

/** One panel of outputs: y[r, 0..7] = bias[0..7] + sum over k of x[r, k] w[k, 0..7]. */
function product8(x: usize, w: usize, bias: usize, y: usize, inner: i32, rows: i32): void {
  productPart8(x, w, bias, y, min(inner, innerChunk), rows, 0);
  for (let k = innerChunk; k < inner; k += innerChunk) {
    x += <usize>(innerChunk >> 3) * panelBytes;
    w += <usize>innerChunk << 5;
    productPart8(x, w, bias, y, min(inner - k, innerChunk), rows, 1);
  }
}

/** Four rows at a time; rows are rounded up to four: what lies there is never read. `more`: y += instead of y = bias +. */
function productPart8(x: usize, w: usize, bias: usize, y: usize, inner: i32, rows: i32, more: i32): void {
  const groups = inner >> 3;
  const rest = inner & 7;
  const b0 = v128.load(bias);
  const b1 = v128.load(bias, 16);
  for (let r = 0; r < rows; r += 4) {
    let xAt = x;
    let wAt = w;
#for 4
    let a$k = b0;
    let c$k = b1;
#end
    if (more) {
#for 4
      a$k = v128.load(y, 32 * $k);
      c$k = v128.load(y, 32 * $k + 16);
#end
    }
    for (let g = groups; g > 0; g--) {
#for 8
      {
        const w0 = v128.load(wAt, 32 * $k);
        const w1 = v128.load(wAt, 32 * $k + 16);
        const x0 = v128.load_splat<f32>(xAt, 4 * $k);
        a0 = madd(x0, w0, a0);
        c0 = madd(x0, w1, c0);
        const x1 = v128.load_splat<f32>(xAt, 4 * $k + 32);
        a1 = madd(x1, w0, a1);
        c1 = madd(x1, w1, c1);
        const x2 = v128.load_splat<f32>(xAt, 4 * $k + 64);
        a2 = madd(x2, w0, a2);
        c2 = madd(x2, w1, c2);
        const x3 = v128.load_splat<f32>(xAt, 4 * $k + 96);
        a3 = madd(x3, w0, a3);
        c3 = madd(x3, w1, c3);
      }
#end
      wAt += 256;
      xAt += panelBytes;
    }
    for (let k = rest; k > 0; k--) {
      const w0 = v128.load(wAt);
      const w1 = v128.load(wAt, 16);
#for 4
      const x$k = v128.load_splat<f32>(xAt, 32 * $k);
      a$k = madd(x$k, w0, a$k);
      c$k = madd(x$k, w1, c$k);
#end
      wAt += 32;
      xAt += 4;
    }
#for 4
    v128.store(y, a$k, 32 * $k);
    v128.store(y, c$k, 32 * $k + 16);
#end
    x += 128;
    y += 128;
  }
}

/** The same for a panel of which only the first four outputs are in use; eight rows at a time. */
function product4(x: usize, w: usize, bias: usize, y: usize, inner: i32, rows: i32): void {
  const groups = inner >> 3;
  const rest = inner & 7;
  const b0 = v128.load(bias);
  const zero = f32x4.splat(0);
  for (let r = 0; r < rows; r += 8) {
    let xAt = x;
    let wAt = w;
#for 8
    let a$k = b0;
#end
    for (let g = groups; g > 0; g--) {
      for (let k = 0; k < 2; k++) {
#for 4
        const w$k = v128.load(wAt, 32 * $k);
#end
#for 8
        a$k = madd(v128.load_splat<f32>(xAt, 32 * $k), w0, a$k);
#end
#for 8
        a$k = madd(v128.load_splat<f32>(xAt, 32 * $k + 4), w1, a$k);
#end
#for 8
        a$k = madd(v128.load_splat<f32>(xAt, 32 * $k + 8), w2, a$k);
#end
#for 8
        a$k = madd(v128.load_splat<f32>(xAt, 32 * $k + 12), w3, a$k);
#end
        wAt += 128;
        xAt += 16;
      }
      xAt += panelBytes - 32;
    }
    for (let k = rest; k > 0; k--) {
      const w0 = v128.load(wAt);
#for 8
      a$k = madd(v128.load_splat<f32>(xAt, 32 * $k), w0, a$k);
#end
      wAt += 32;
      xAt += 4;
    }
#for 8
    v128.store(y, a$k, 32 * $k);
    v128.store(y, zero, 32 * $k + 16);
#end
    x += 256;
    y += 256;
  }
}

/** All panels of y [rows, outputs] = x [rows, inputs] w + bias, each with its epilogue. */
@inline function isNarrow(outputs: i32, g: i32): bool { return outputs - (g << 3) <= 4; }

/** y of one row for 32 outputs (four panels) at once: memory streams, sums stay in registers. */
function row32(x: usize, w: usize, stride: usize, bias: usize, y: usize, inner: i32): void {
  let w0 = w;
  let w1 = w0 + stride;
  let w2 = w1 + stride;
  let w3 = w2 + stride;
#for 8
  let a$k = v128.load(bias, 16 * $k);
#end
  for (let g = inner >> 3; g > 0; g--) {
#for 8
    {
      const s = v128.load_splat<f32>(x, 4 * $k);
      a0 = madd(s, v128.load(w0, 32 * $k), a0);
      a1 = madd(s, v128.load(w0, 32 * $k + 16), a1);
      a2 = madd(s, v128.load(w1, 32 * $k), a2);
      a3 = madd(s, v128.load(w1, 32 * $k + 16), a3);
      a4 = madd(s, v128.load(w2, 32 * $k), a4);
      a5 = madd(s, v128.load(w2, 32 * $k + 16), a5);
      a6 = madd(s, v128.load(w3, 32 * $k), a6);
      a7 = madd(s, v128.load(w3, 32 * $k + 16), a7);
    }
#end
    x += panelBytes;
    w0 += 256;
    w1 += 256;
    w2 += 256;
    w3 += 256;
  }
  for (let k = inner & 7; k > 0; k--) {
    const s = v128.load_splat<f32>(x);
    a0 = madd(s, v128.load(w0), a0);
    a1 = madd(s, v128.load(w0, 16), a1);
    a2 = madd(s, v128.load(w1), a2);
    a3 = madd(s, v128.load(w1, 16), a3);
    a4 = madd(s, v128.load(w2), a4);
    a5 = madd(s, v128.load(w2, 16), a5);
    a6 = madd(s, v128.load(w3), a6);
    a7 = madd(s, v128.load(w3, 16), a7);
    x += 4;
    w0 += 32;
    w1 += 32;
    w2 += 32;
    w3 += 32;
  }
  v128.store(y, a0);
  v128.store(y, a1, 16);
  y += panelBytes;
  v128.store(y, a2);
  v128.store(y, a3, 16);
  y += panelBytes;
  v128.store(y, a4);
  v128.store(y, a5, 16);
  y += panelBytes;
  v128.store(y, a6);
  v128.store(y, a7, 16);
}

/** y of one row for one panel: four sums side by side, so that none waits for the one before. */
function row8(x: usize, w: usize, bias: usize, y: usize, inner: i32): void {
  const zero = f32x4.splat(0);
  let a0 = v128.load(bias);
  let c0 = v128.load(bias, 16);
  let a1 = zero, c1 = zero, a2 = zero, c2 = zero, a3 = zero, c3 = zero;
  for (let g = inner >> 3; g > 0; g--) {
#for 4
    {
      const s = v128.load_splat<f32>(x, 4 * $k);
      a$k = madd(s, v128.load(w, 32 * $k), a$k);
      c$k = madd(s, v128.load(w, 32 * $k + 16), c$k);
    }
#end
#for 4
    {
      const s = v128.load_splat<f32>(x, 4 * $k + 16);
      a$k = madd(s, v128.load(w, 32 * $k + 128), a$k);
      c$k = madd(s, v128.load(w, 32 * $k + 144), c$k);
    }
#end
    x += panelBytes;
    w += 256;
  }
  for (let k = inner & 7; k > 0; k--) {
    const s = v128.load_splat<f32>(x);
    a0 = madd(s, v128.load(w), a0);
    c0 = madd(s, v128.load(w, 16), c0);
    x += 4;
    w += 32;
  }
  v128.store(y, f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)));
  v128.store(y, f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3)), 16);
}

/**
 * Four inputs by eight outputs of dW += x^T dz, over some blocks of which the last has `rest` rows. `xStep`, `dzStep`: from
 * block to block. `fresh`: dW = x^T dz.
 */
function outer8(x: usize, xStep: usize, dz: usize, dzStep: usize, blocks: i32, rest: i32, g: usize, fresh: i32): void {
#for 4
  let a$k = f32x4.splat(0);
  let c$k = f32x4.splat(0);
#end
  for (let block = blocks; block > 0; block--) {
    const rows = block == 1 ? rest : blockRows;
    let xAt = x;
    let dzAt = dz;
    for (let r = rows >> 2; r > 0; r--) {
#for 4
      {
        const d0 = v128.load(dzAt, 32 * $k);
        const d1 = v128.load(dzAt, 32 * $k + 16);
        const x0 = v128.load_splat<f32>(xAt, 32 * $k);
        a0 = madd(x0, d0, a0);
        c0 = madd(x0, d1, c0);
        const x1 = v128.load_splat<f32>(xAt, 32 * $k + 4);
        a1 = madd(x1, d0, a1);
        c1 = madd(x1, d1, c1);
        const x2 = v128.load_splat<f32>(xAt, 32 * $k + 8);
        a2 = madd(x2, d0, a2);
        c2 = madd(x2, d1, c2);
        const x3 = v128.load_splat<f32>(xAt, 32 * $k + 12);
        a3 = madd(x3, d0, a3);
        c3 = madd(x3, d1, c3);
      }
#end
      xAt += 128;
      dzAt += 128;
    }
    for (let r = rows & 3; r > 0; r--) {
      const d0 = v128.load(dzAt);
      const d1 = v128.load(dzAt, 16);
#for 4
      const x$k = v128.load_splat<f32>(xAt, 4 * $k);
      a$k = madd(x$k, d0, a$k);
      c$k = madd(x$k, d1, c$k);
#end
      xAt += 32;
      dzAt += 32;
    }
    x += xStep;
    dz += dzStep;
  }
  if (fresh) {
#for 4
    v128.store(g, a$k, 32 * $k);
    v128.store(g, c$k, 32 * $k + 16);
#end
  } else {
#for 4
    v128.store(g, f32x4.add(v128.load(g, 32 * $k), a$k), 32 * $k);
    v128.store(g, f32x4.add(v128.load(g, 32 * $k + 16), c$k), 32 * $k + 16);
#end
  }
}

/** Eight inputs by four outputs of the same, where a panel has no more. */
function outer4(x: usize, xStep: usize, dz: usize, dzStep: usize, blocks: i32, rest: i32, g: usize, fresh: i32): void {
#for 8
  let a$k = f32x4.splat(0);
#end
  for (let block = blocks; block > 0; block--) {
    const rows = block == 1 ? rest : blockRows;
    let xAt = x;
    let dzAt = dz;
    for (let r = rows >> 1; r > 0; r--) {
      const d0 = v128.load(dzAt);
      const d1 = v128.load(dzAt, 32);
#for 8
      a$k = madd(v128.load_splat<f32>(xAt, 4 * $k), d0, a$k);
#end
#for 8
      a$k = madd(v128.load_splat<f32>(xAt, 4 * $k + 32), d1, a$k);
#end
      xAt += 64;
      dzAt += 64;
    }
    if (rows & 1) {
      const d0 = v128.load(dzAt);
#for 8
      a$k = madd(v128.load_splat<f32>(xAt, 4 * $k), d0, a$k);
#end
    }
    x += xStep;
    dz += dzStep;
  }
  if (fresh) {
#for 8
    v128.store(g, a$k, 32 * $k);
#end
  } else {
#for 8
    v128.store(g, f32x4.add(v128.load(g, 32 * $k), a$k), 32 * $k);
#end
  }
}

/** db += sum over rows of dz, one panel over some blocks. */
function addRows(dz: usize, dzStep: usize, blocks: i32, rest: i32, g: usize, fresh: i32): void {
  // Four sums side by side, so that none waits for the one before.
#for 4
  let a$k = f32x4.splat(0);
  let c$k = f32x4.splat(0);
#end
  for (let block = blocks; block > 0; block--, dz += dzStep) {
    const rows = block == 1 ? rest : blockRows;
    let at = dz;
    for (let r = rows >> 2; r > 0; r--, at += 128) {
#for 4
      a$k = f32x4.add(a$k, v128.load(at, 32 * $k));
      c$k = f32x4.add(c$k, v128.load(at, 32 * $k + 16));
#end
    }
    for (let r = rows & 3; r > 0; r--, at += 32) {
      a0 = f32x4.add(a0, v128.load(at));
      c0 = f32x4.add(c0, v128.load(at, 16));
    }
  }
  let a = f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3));
  let c = f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3));
  if (!fresh) {
    a = f32x4.add(a, v128.load(g));
    c = f32x4.add(c, v128.load(g, 16));
  }
  v128.store(g, a);
  v128.store(g, c, 16);
}

// ---- rows of the caller <-> panels ----

function packRows(from: usize, to: usize, width: i32, rows: i32): void {
  const groups = width >> 3;
  const rest = width & 7;
  const zero = f32x4.splat(0);
  for (let r = 0; r < rows; r++, to += 32) {
    let at = to;
    for (let g = groups; g > 0; g--, from += 32, at += panelBytes) {
      v128.store(at, v128.load(from));
      v128.store(at, v128.load(from, 16), 16);
    }
    if (rest == 0) continue;
    v128.store(at, zero);
    v128.store(at, zero, 16);
    for (let k = rest; k > 0; k--, from += 4, at += 4) store<f32>(at, load<f32>(from));
  }
}

function unpackRows(from: usize, to: usize, width: i32, rows: i32): void {
  const groups = width >> 3;
  const rest = width & 7;
  for (let r = 0; r < rows; r++, from += 32) {
    let at = from;
    for (let g = groups; g > 0; g--, to += 32, at += panelBytes) {
      v128.store(to, v128.load(at));
      v128.store(to, v128.load(at, 16), 16);
    }
    for (let k = rest; k > 0; k--, to += 4, at += 4) store<f32>(to, load<f32>(at));
  }
}

// ---- one block of one network ----

export function forwardBlock(net: usize, block: i32, rows: i32, scratch: usize): void {
  const count = field(net, 1);
  for (let l = 0; l < count; l++) {
    const layer = layerOf(net, l);
    const inputs = field(layer, 0);
    const outputs = field(layer, 1);
    const inGroups = <usize>field(layer, 2);
    const outGroups = field(layer, 3);
    const kind = field(layer, 9);
    const x = address(layer, 10) + <usize>block * inGroups * panelBytes;
    if (l == 0) packRows(address(net, 2) + ((<usize>block * blockRows * inputs) << 2), x, inputs, rows);
    const isLast = address(layer, 11) == 0;
    const y = isLast ? scratch : address(layer, 11) + <usize>(block * outGroups) * panelBytes;
    const weights = address(layer, 4);
    const biases = address(layer, 5);
    const stride = inGroups << 8;
    if (rows <= 2) {
      for (let r = 0; r < rows; r++) {
        let g = 0;
        for (; g + 4 <= outGroups; g += 4)
          row32(x + (<usize>r << 5), weights + <usize>g * stride, stride, biases + (<usize>g << 5), y + <usize>g * panelBytes + (<usize>r << 5), inputs);
        for (; g < outGroups; g++)
          row8(x + (<usize>r << 5), weights + <usize>g * stride, biases + (<usize>g << 5), y + <usize>g * panelBytes + (<usize>r << 5), inputs);
      }
      for (let r = 0; r < rows; r++) activateRow(y + (<usize>r << 5), outGroups, kind);
    } else {
      for (let g = 0; g < outGroups; g++) {
        const panel = y + <usize>g * panelBytes;
        if (isNarrow(outputs, g)) product4(x, weights + <usize>g * stride, biases + (<usize>g << 5), panel, inputs, rows);
        else product8(x, weights + <usize>g * stride, biases + (<usize>g << 5), panel, inputs, rows);
        activate(panel, rows, kind);
      }
    }
    if (isLast) unpackRows(y, address(net, 3) + ((<usize>block * blockRows * outputs) << 2), outputs, rows);
  }
}

/** dz of every layer, and the gradient of the input rows. */
export function backwardBlock(net: usize, block: i32, rows: i32, scratch: usize): void {
  let l = field(net, 1) - 1;
  const last = layerOf(net, l);
  const width = field(last, 1);
  packRows(
    address(net, 4) + ((<usize>block * blockRows * width) << 2),
    address(last, 12) + <usize>(block * field(last, 3)) * panelBytes,
    width,
    rows,
  );
  for (; l >= 0; l--) {
    if (l == 0 && address(net, 5) == 0) return;
    const layer = layerOf(net, l);
    const inputs = field(layer, 0);
    const outputs = field(layer, 1);
    const inGroups = field(layer, 2);
    const outGroups = field(layer, 3);
    const dz = address(layer, 12) + <usize>(block * outGroups) * panelBytes;
    const place = <usize>(block * inGroups) * panelBytes;
    const x = address(layer, 10) + place;
    // dx = dz W^T, and before that layer's activation dz = dx act'(x)
    const before = l == 0 ? 0 : layerOf(net, l - 1);
    const dx = l == 0 ? scratch : address(before, 12) + place;
    const kind = l == 0 ? 0 : field(before, 9);
    const transposed = address(layer, 6);
    const stride = <usize>outGroups << 8;
    for (let i = 0; i < inGroups; i++) {
      const panel = dx + <usize>i * panelBytes;
      if (isNarrow(inputs, i)) product4(dz, transposed + <usize>i * stride, zerosAt, panel, outputs, rows);
      else product8(dz, transposed + <usize>i * stride, zerosAt, panel, outputs, rows);
      differentiate(panel, x + <usize>i * panelBytes, rows, kind);
    }
    if (l == 0) unpackRows(dx, address(net, 5) + ((<usize>block * blockRows * inputs) << 2), inputs, rows);
  }
}

/** Blocks that a gradient is summed over in registers before it is written down: their dz stay in the nearest cache. */
const gradientBlocks: i32 = 8;

/**
 * The gradient of the weights and biases of eight outputs of a layer, over the rows of a shard. `panel` counts on over the
 * layers.
 */
function gradientPanel(self: usize, net: usize, panel: i32, shard: i32, blocks: i32, rows: i32): void {
  let l = 0;
  let layer = layerOf(net, 0);
  while (panel >= field(layer, 3)) {
    panel -= field(layer, 3);
    layer = layerOf(net, ++l);
  }
  const inputs = field(layer, 0);
  const inGroups = field(layer, 2);
  const narrow = isNarrow(field(layer, 1), panel);
  const xStep = <usize>inGroups * panelBytes;
  const dzStep = <usize>field(layer, 3) * panelBytes;
  const gradient = address(self, 5) + <usize>shard * address(self, 6);
  const weights = gradient + address(layer, 7) + (<usize>(panel * inGroups) << 8);
  const biases = gradient + address(layer, 8) + (<usize>panel << 5);
  let fresh = i32(load<i32>(net, usedField) <= shard);
  const shards = shardsOf(blocks);
  const end = ((shard + 1) * blocks) / shards;
  for (let first = (shard * blocks) / shards; first < end; first += gradientBlocks) {
    const count = min(gradientBlocks, end - first);
    const rest = min(blockRows, rows - (first + count - 1) * blockRows);
    const dz = address(layer, 12) + <usize>first * dzStep + <usize>panel * panelBytes;
    addRows(dz, dzStep, count, rest, biases, fresh);
    let x = address(layer, 10) + <usize>first * xStep;
    let g = weights;
    for (let i = 0; i < inGroups; i++, x += panelBytes, g += 256) {
      if (narrow) outer4(x, xStep, dz, dzStep, count, rest, g, fresh);
      else {
        outer8(x, xStep, dz, dzStep, count, rest, g, fresh);
        if (!isNarrow(inputs, i)) outer8(x + 16, xStep, dz, dzStep, count, rest, g + 128, fresh);
      }
    }
    fresh = 0;
  }
}

/** d/dy of scale (y - target)^2 / 2 for the rows of a block. */
function residuals(net: usize, block: i32, rows: i32, scale: f64): void {
  const width = field(layerOf(net, field(net, 1) - 1), 1);
  const first = <usize>(block * blockRows * width);
  let y = address(net, 3) + (first << 2);
  let target = address(net, 10) + (first << 3);
  let dy = address(net, 4) + (first << 2);
  const end = y + (<usize>(rows * width) << 2);
  for (; y < end; y += 4, target += 8, dy += 4) store<f32>(dy, <f32>(scale * (<f64>load<f32>(y) - load<f64>(target))));
}

/** All of an update but the step, for half of the rows: forward, the loss's gradient, backward, the weights' gradients. */
function regressShard(self: usize, net: usize, shard: i32, blocks: i32, rows: i32, scale: f64, scratch: usize): void {
  const shards = shardsOf(blocks);
  const first = (shard * blocks) / shards;
  const end = ((shard + 1) * blocks) / shards;
  // One after the other, not block by block: a layer's weights stay in the nearest cache, and their transpose then takes their place.
  for (let block = first; block < end; block++) forwardBlock(net, block, rowsOfBlock(rows, block), scratch);
  for (let block = first; block < end; block++) {
    residuals(net, block, rowsOfBlock(rows, block), scale);
    backwardBlock(net, block, rowsOfBlock(rows, block), scratch);
  }
  for (let panel = 0; panel < field(net, 9); panel++) gradientPanel(self, net, panel, shard, blocks, rows);
}

// ---- parameters ----

/** Four by four numbers, rows 32 bytes apart. */
@inline function transpose4(from: usize, to: usize): void {
  const a = v128.load(from);
  const b = v128.load(from, 32);
  const c = v128.load(from, 64);
  const d = v128.load(from, 96);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const AB = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const CD = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(ab, cd, 0, 2));
  v128.store(to, v128.shuffle<f64>(ab, cd, 1, 3), 32);
  v128.store(to, v128.shuffle<f64>(AB, CD, 0, 2), 64);
  v128.store(to, v128.shuffle<f64>(AB, CD, 1, 3), 96);
}

/** Eight by eight numbers of weights to their place in the transpose. */
function transpose8(from: usize, to: usize): void {
  transpose4(from, to);
  transpose4(from + 16, to + 128);
  transpose4(from + 128, to + 16);
  transpose4(from + 144, to + 144);
}

/** Where block number `block` of a layer's weights lies in its transpose. */
@inline function transposedAt(base: usize, block: i32, inGroups: i32, outGroups: i32): usize {
  const j = block / inGroups;
  const i = block - j * inGroups;
  return base + (<usize>(i * outGroups + j) << 8);
}

function renewTransposes(net: usize): void {
  for (let l = 0; l < field(net, 1); l++) {
    const layer = layerOf(net, l);
    const to = address(layer, 6);
    if (to == 0) continue;
    const inGroups = field(layer, 2);
    const outGroups = field(layer, 3);
    for (let b = 0; b < inGroups * outGroups; b++)
      transpose8(address(layer, 4) + (<usize>b << 8), transposedAt(to, b, inGroups, outGroups));
  }
  store<i32>(net, 0, oldField);
}

/** Adds the shards' gradients of a segment into the first and returns the sum of the squares; zeros where there is none. */
function gather(self: usize, segment: usize): f64 {
  const net = address(segment, 2);
  const used = net == 0 ? 1 : load<i32>(net, usedField);
  const stride = address(self, 6);
  let at = address(self, 5) + (address(segment, 0) << 2);
  const end = at + (address(segment, 1) << 2);
  if (used == 0) {
    const zero = f32x4.splat(0);
    for (; at < end; at += 16) v128.store(at, zero);
    return 0;
  }
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; at < end; at += 16) {
    let g = v128.load(at);
    if (used == 2) {
      g = f32x4.add(g, v128.load(at + stride));
      v128.store(at, g);
    }
    const a = f64x2.promote_low_f32x4(g);
    const b = f64x2.promote_low_f32x4(v128.shuffle<f64>(g, g, 1, 1));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

@inline function gatherInto(self: usize, k: i32): void {
  store<f64>(address(self, 10) + (<usize>k << 3), gather(self, segmentOf(self, k)));
}

/**
 * m += (1 - beta1) (g - m), v += (1 - beta2) (g^2 - v), p -= rate m / (sqrt(v second) + epsilon)   (Kingma & Ba 2015)
 */
function adam(self: usize, segment: usize): void {
  const first = address(segment, 0) << 2;
  let p = address(self, 2) + first;
  let m = address(self, 3) + first;
  let v = address(self, 4) + first;
  let g = address(self, 5) + first;
  const end = p + (address(segment, 1) << 2);
  const scale = f32x4.splat(load<f32>(jobScaleAt));
  const rate = f32x4.splat(load<f32>(jobRateAt));
  const second = f32x4.splat(load<f32>(jobSecondAt));
  const epsilon = f32x4.splat(load<f32>(jobEpsilonAt));
  const keep1 = constant(16);
  const take1 = constant(17);
  const keep2 = constant(18);
  const take2 = constant(19);
  for (; p < end; p += 16, m += 16, v += 16, g += 16) {
    const gradient = f32x4.mul(v128.load(g), scale);
    const mean = f32x4.add(f32x4.mul(v128.load(m), keep1), f32x4.mul(gradient, take1));
    const square = f32x4.add(
      f32x4.mul(v128.load(v), keep2),
      f32x4.mul(f32x4.mul(gradient, gradient), take2),
    );
    v128.store(m, mean);
    v128.store(v, square);
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(square, second)), epsilon);
    v128.store(p, f32x4.sub(v128.load(p), f32x4.div(f32x4.mul(mean, rate), root)));
  }
  const to = address(segment, 3);
  if (to == 0) return;
  const inGroups = field(segment, 4);
  const outGroups = field(segment, 5);
  const blocks = field(segment, 1) >> 6;
  p = address(self, 2) + first;
  for (let b = 0; b < blocks; b++, p += 256)
    transpose8(p, transposedAt(to, field(segment, 6) + b, inGroups, outGroups));
}

function blend(self: usize, other: usize, segment: usize): void {
  const first = address(segment, 0) << 2;
  let p = address(self, 2) + first;
  let q = address(other, 2) + first;
  const end = p + (address(segment, 1) << 2);
  const share = f32x4.splat(load<f32>(jobScaleAt));
  for (; p < end; p += 16, q += 16) {
    const mine = v128.load(p);
    v128.store(p, f32x4.add(mine, f32x4.mul(share, f32x4.sub(v128.load(q), mine))));
  }
}

// ---- units and threads ----

@inline function rowsOfBlock(rows: i32, block: i32): i32 { return min(blockRows, rows - block * blockRows); }

/** The two halves of a call's blocks, each with a gradient of its own: so a thread adds up the rows that it computed. */
function shardsOf(blocks: i32): i32 { return min(blocks, 2); }

export function runUnit(unit: i32, thread: i32): void {
  const kind = load<i32>(jobKindAt);
  const self = <usize>load<i32>(jobSelfAt);
  const rows = load<i32>(jobRowsAt);
  const blocks = load<i32>(jobBlocksAt);
  const scratch = <usize>load<i32>(doorsAt + (<usize>thread << 6), 8);
  if (kind == forwardJob) {
    const k = unit / blocks;
    const block = unit - k * blocks;
    forwardBlock(chosenOf(self, k), block, rowsOfBlock(rows, block), scratch);
  } else if (kind == backwardJob) {
    const k = unit / blocks;
    const block = unit - k * blocks;
    backwardBlock(chosenOf(self, k), block, rowsOfBlock(rows, block), scratch);
  } else if (kind == gradientJob) {
    const shards = shardsOf(blocks);
    let k = 0;
    let net = chosenOf(self, 0);
    while (unit >= shards * field(net, 9)) {
      unit -= shards * field(net, 9);
      net = chosenOf(self, ++k);
    }
    const shard = unit / field(net, 9);
    gradientPanel(self, net, unit - shard * field(net, 9), shard, blocks, rows);
  } else if (kind == gatherJob) gatherInto(self, unit);
  else if (kind == adamJob) adam(self, segmentOf(self, unit));
  else if (kind == gatherNetworkJob || kind == adamNetworkJob) {
    const net = networkOf(self, unit);
    for (let k = 0; k < field(self, 1); k++) {
      // Loose numbers, which the caller writes, go with the first network.
      const owner = address(segmentOf(self, k), 2);
      if (owner != net && (owner != 0 || unit != 0)) continue;
      if (kind == gatherNetworkJob) gatherInto(self, k);
      else adam(self, segmentOf(self, k));
    }
  }
  else if (kind == blendJob) blend(self, <usize>load<i32>(jobOtherAt), segmentOf(self, unit));
  else if (kind == peakJob) peak(rows, scratch);
}

function runBeside(unit: i32, thread: i32): void {
  const self = <usize>load<i32>(sideSelfAt);
  const blocks = load<i32>(sideBlocksAt);
  const shards = shardsOf(blocks);
  const k = unit / shards;
  const scratch = <usize>load<i32>(doorsAt + (<usize>thread << 6), 8);
  regressShard(self, besideOf(self, k), unit - k * shards, blocks, load<i32>(sideRowsAt), load<f64>(sideScaleAt), scratch);
}

const unitMask: i64 = 0x3fff;
const endOne: i64 = 1 << 14;

/** Some microsecond without a unit being taken: until the other thread has seen the call. Ten of them cost backward 8 %. */
const courtesy: i32 = 1000;

/**
 * Takes units of the current job until none is left: the caller (and every second thread) from the front, the others from
 * the end. Units go along the networks and in each along the rows, so of two threads each has its own network (or half of
 * the rows) in one job after the other, whose weights, rows and gradients then stay in its own cache: to fetch them
 * from the other core costs more than to compute with them. A unit in hand keeps its job from being replaced.
 */
function takeUnits(thread: i32): void {
  const fromEnd = (thread & 1) != 0;
  const threads = <i64>load<i32>(threadsAt);
  // While others are busy beside, nobody is waited for.
  let isAlone = load<i32>(sideUnitsAt) != 0;
  let ticket = atomic.load<i64>(ticketAt);
  for (;;) {
    const front = ticket & unitMask;
    const back = (ticket >> 14) & unitMask;
    const units = (ticket >> 28) & unitMask;
    if (front + back >= units) return;
    const share = fromEnd ? (units * (threads >> 1)) / threads : units - (units * (threads >> 1)) / threads;
    if (!isAlone && (fromEnd ? back : front) >= share) {
      // What is left is somebody else's: taken only when nobody comes for it.
      let now = ticket;
      for (let i = 0; i < courtesy && now == ticket; i++) now = atomic.load<i64>(ticketAt);
      if (now != ticket) {
        ticket = now;
        continue;
      }
      isAlone = true;
    }
    const found = atomic.cmpxchg<i64>(ticketAt, ticket, ticket + (fromEnd ? endOne : 1));
    if (found != ticket) {
      ticket = found;
      continue;
    }
    runUnit(<i32>(fromEnd ? units - 1 - back : front), thread);
    if (atomic.add<i32>(doneAt, 1) + 1 == <i32>units && atomic.load<i32>(callerAsleepAt))
      atomic.notify(doneAt, 1);
    ticket = atomic.load<i64>(ticketAt);
  }
}

/** The same of the job beside, without sharing out: its units are few and long. */
function takeBeside(thread: i32): void {
  const fromEnd = (thread & 1) != 0;
  let ticket = atomic.load<i64>(sideTicketAt);
  for (;;) {
    const front = ticket & unitMask;
    const back = (ticket >> 14) & unitMask;
    const units = (ticket >> 28) & unitMask;
    if (front + back >= units) return;
    const found = atomic.cmpxchg<i64>(sideTicketAt, ticket, ticket + (fromEnd ? endOne : 1));
    if (found != ticket) {
      ticket = found;
      continue;
    }
    runBeside(<i32>(fromEnd ? units - 1 - back : front), thread);
    if (atomic.add<i32>(sideDoneAt, 1) + 1 == <i32>units && atomic.load<i32>(callerAsleepAt))
      atomic.notify(sideDoneAt, 1);
    ticket = atomic.load<i64>(sideTicketAt);
  }
}

/** Some 150 microseconds: longer than a learner computes between two calls, and than it takes to wake a core of a virtual machine. */
const spins: i32 = 150000;

function dispatch(units: i32, isLarge: bool): void {
  const helpers = min(load<i32>(threadsAt), units) - 1;
  if (!isLarge || helpers <= 0 || units > <i32>unitMask) {
    for (let u = 0; u < units; u++) runUnit(u, 0);
    return;
  }
  call(ticketAt, doneAt, units, helpers);
  takeUnits(0);
  awaitUnits(doneAt, units);
}

/** Opens a job whose description is written, and calls so many threads to it. */
@inline function call(ticket: usize, done: usize, units: i32, helpers: i32): void {
  generation++;
  atomic.store<i32>(done, 0);
  atomic.store<i64>(ticket, (<i64>generation << 42) | (<i64>units << 28));
  for (let k = 1; k <= helpers; k++) {
    const door = doorsAt + (<usize>k << 6);
    atomic.store<i32>(door, generation);
    if (atomic.load<i32>(door, 4)) atomic.notify(door, 1);
  }
}

/** Returns when all units are done, or a thread failed. */
function awaitUnits(at: usize, units: i32): void {
  for (;;) {
    let done = atomic.load<i32>(at);
    for (let i = 0; i < spins && done != units; i++) done = atomic.load<i32>(at);
    if (done == units || atomic.load<i32>(failedAt)) return;
    atomic.store<i32>(callerAsleepAt, 1);
    const woken = atomic.wait<i32>(at, done, load<i64>(patienceAt));
    atomic.store<i32>(callerAsleepAt, 0);
    if (woken == AtomicWaitResult.TIMED_OUT && atomic.load<i32>(at) == done) {
      atomic.store<i32>(failedAt, 1);
      return;
    }
  }
}

/** What a thread does until the kernel is closed. */
export function work(thread: i32): void {
  const door = doorsAt + (<usize>thread << 6);
  let seen = 0;
  for (;;) {
    let now = atomic.load<i32>(door);
    for (let i = 0; i < spins && now == seen; i++) now = atomic.load<i32>(door);
    if (now == seen) {
      atomic.store<i32>(door, 1, 4);
      atomic.wait<i32>(door, seen, -1);
      atomic.store<i32>(door, 0, 4);
      continue;
    }
    seen = now;
    if (atomic.load<i32>(closedAt)) return;
    takeBeside(thread);
    takeUnits(thread);
  }
}

// ---- calls ----

/** Fewer multiplications than this, some 5 microseconds of work, stay on the caller's thread. */
const largeWork: f64 = 100000;

@inline function begin(kind: i32, self: usize): void {
  store<i32>(jobKindAt, kind);
  store<i32>(jobSelfAt, <i32>self);
}

function workOf(self: usize, count: i32, rows: i32): f64 {
  let perRow: f64 = 0;
  for (let k = 0; k < count; k++) perRow += <f64>field(chosenOf(self, k), 8);
  return perRow * <f64>rows;
}

/** Of the first `count` networks in `which`. */
export function forward(self: usize, count: i32, rows: i32): void {
  begin(forwardJob, self);
  const blocks = (rows + blockRows - 1) / blockRows;
  store<i32>(jobRowsAt, rows);
  store<i32>(jobBlocksAt, blocks);
  dispatch(count * blocks, workOf(self, count, rows) >= largeWork);
}

export function backward(self: usize, count: i32, rows: i32, parameters: i32): void {
  let panels = 0;
  for (let k = 0; k < count; k++) {
    const net = chosenOf(self, k);
    if (load<i32>(net, oldField)) renewTransposes(net);
    panels += field(net, 9);
  }
  begin(backwardJob, self);
  const blocks = (rows + blockRows - 1) / blockRows;
  const isLarge = workOf(self, count, rows) >= largeWork;
  store<i32>(jobRowsAt, rows);
  store<i32>(jobBlocksAt, blocks);
  dispatch(count * blocks, isLarge);
  if (!parameters) return;
  begin(gradientJob, self);
  const shards = shardsOf(blocks);
  dispatch(shards * panels, isLarge);
  for (let k = 0; k < count; k++) {
    const net = chosenOf(self, k);
    store<i32>(net, max(load<i32>(net, usedField), shards), usedField);
  }
}

/**
 * The gradient of scale (y - target)^2 / 2, summed over rows and outputs, for the first `count` networks in `which` of the
 * job beside: other threads compute it while the caller goes on, until `settle`.
 */
export function regress(self: usize, count: i32, rows: i32, scale: f64): void {
  settle();
  const blocks = (rows + blockRows - 1) / blockRows;
  let perRow: f64 = 0;
  for (let k = 0; k < count; k++) {
    const net = besideOf(self, k);
    if (load<i32>(net, oldField)) renewTransposes(net);
    perRow += <f64>field(net, 8);
  }
  const units = count * shardsOf(blocks);
  store<i32>(sideSelfAt, <i32>self);
  store<i32>(sideCountAt, count);
  store<i32>(sideRowsAt, rows);
  store<i32>(sideBlocksAt, blocks);
  store<f64>(sideScaleAt, scale);
  store<i32>(sideUnitsAt, units);
  const helpers = min(load<i32>(threadsAt) - 1, units);
  if (perRow * <f64>rows < largeWork || helpers <= 0) {
    for (let u = 0; u < units; u++) runBeside(u, 0);
    settled();
  } else call(sideTicketAt, sideDoneAt, units, helpers);
}

function settled(): void {
  const self = <usize>load<i32>(sideSelfAt);
  const shards = shardsOf(load<i32>(sideBlocksAt));
  for (let k = 0; k < load<i32>(sideCountAt); k++) {
    const net = besideOf(self, k);
    store<i32>(net, max(load<i32>(net, usedField), shards), usedField);
  }
  store<i32>(sideUnitsAt, 0);
}

/** Ends the job beside; the caller takes what nobody has begun. */
export function settle(): void {
  const units = load<i32>(sideUnitsAt);
  if (units == 0) return;
  takeBeside(0);
  awaitUnits(sideDoneAt, units);
  settled();
}

/** Fewer parameters than this stay on the caller's thread. */
const someParameters: i32 = 2000;
/** From here on they are cut finer than by network. */
const manyParameters: i32 = 33334;

/** The segments one by one; where they are few, of several networks, all of each network, on the thread that has it in its cache. */
@inline function overParameters(self: usize, kind: i32, networkKind: i32): void {
  const count = field(self, 6) >> 2;
  const byNetwork = count < manyParameters && field(self, 8) > 1;
  begin(byNetwork ? networkKind : kind, self);
  if (byNetwork) dispatch(field(self, 8), count >= someParameters);
  else dispatch(field(self, 1), count >= manyParameters);
}

/** Adds up the shards; the square of the gradient's length. */
export function gatherAll(self: usize): f64 {
  overParameters(self, gatherJob, gatherNetworkJob);
  for (let n = 0; n < field(self, 8); n++) store<i32>(networkOf(self, n), 1, usedField);
  let sum: f64 = 0;
  for (let k = 0; k < field(self, 1); k++) sum += load<f64>(address(self, 10) + (<usize>k << 3));
  return sum;
}

/** After `gatherAll`; the gradient stays until `forget`. */
export function adamAll(self: usize, scale: f32, rate: f32, second: f32, epsilon: f32): void {
  store<f32>(jobScaleAt, scale);
  store<f32>(jobRateAt, rate);
  store<f32>(jobSecondAt, second);
  store<f32>(jobEpsilonAt, epsilon);
  overParameters(self, adamJob, adamNetworkJob);
}

/** The gradient is nothing again. */
export function forget(self: usize): void {
  for (let n = 0; n < field(self, 8); n++) store<i32>(networkOf(self, n), 0, usedField);
}

export function blendAll(self: usize, other: usize, share: f32): void {
  begin(blendJob, self);
  store<i32>(jobOtherAt, <i32>other);
  store<f32>(jobScaleAt, share);
  dispatch(field(self, 1), (field(self, 6) >> 2) >= manyParameters);
  for (let n = 0; n < field(self, 8); n++) store<i32>(networkOf(self, n), 1, oldField);
}

/** Ends the threads. */
export function close(threads: i32): void {
  atomic.store<i32>(closedAt, 1);
  for (let k = 1; k < threads; k++) {
    const door = doorsAt + (<usize>k << 6);
    atomic.add<i32>(door, 1);
    atomic.notify(door, 1);
  }
}

// ---- the machine's peak, for bench/tensor.ts ----

/** `rounds` x 40 independent multiply-adds of vectors in registers; somewhere the sums must go. */
function peak(rounds: i32, scratch: usize): void {
  const a = constant(18);
  const b = constant(19);
#for 10
  let s$k = constant($k);
#end
  for (let r = 0; r < rounds; r++) {
#for 10
    s$k = madd(a, b, s$k);
#end
#for 10
    s$k = madd(a, b, s$k);
#end
#for 10
    s$k = madd(a, b, s$k);
#end
#for 10
    s$k = madd(a, b, s$k);
#end
  }
#for 9
  s9 = f32x4.add(s9, s$k);
#end
  v128.store(scratch, s9);
}

/** Arithmetic alone, on all threads: `units` pieces of `rounds` x 40 multiply-adds of four numbers. */
export function peakAll(units: i32, rounds: i32): void {
  begin(peakJob, 0);
  store<i32>(jobRowsAt, rounds);
  dispatch(units, true);
}
