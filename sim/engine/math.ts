/**
 * Elementary functions from + - * / and sqrt alone. IEEE 754 fixes those to the bit; the platform's exp, sin or log may
 * differ between builds, so nothing that enters a state or a reward may use them. Accurate to a few 1e-16 relative
 * unless said otherwise.
 */

export const clamp = (value: number, low: number, high: number): number =>
  value < low ? low : value > high ? high : value;

// ---------------------------------------------------------------------------------------------------------------------
// exp and log. Reductions and minimax coefficients are those of FDLIBM (Sun Microsystems, 1993), errors below 1 ulp.

const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;

const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);
scratch[0] = 1;
/** Where the sign and the exponent of the scratch number are: the high word of 1.0 is 0x3ff00000, the low one 0. */
const high = words[0] === 0 ? 1 : 0;
const low = 1 - high;

/** 2^k for whole k in [-1022, 1023], exact. */
function power2(k: number): number {
  words[high] = (k + 1023) << 20;
  words[low] = 0;
  return scratch[0]!;
}

/**
 * e^x = 2^k e^r with r = x - k ln 2 in two words, |r| <= ln(2) / 2. With the even function
 * R(r) = r (e^r + 1) / (e^r - 1) = 2 + P1 r^2 + P2 r^4 + ... and c = r - (R - 2):  e^r = 1 + r + r c / (2 - c).
 */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.1332191019411) return 0;
  const k = Math.floor(x * Math.LOG2E + 0.5);
  const head = x - k * ln2High;
  const tail = k * ln2Low;
  const r = head - tail;
  const r2 = r * r;
  const c =
    r -
    r2 *
      (0.16666666666666602 +
        r2 *
          (-0.0027777777777015593 +
            r2 * (0.00006613756321437934 + r2 * (-0.0000016533902205465252 + r2 * 4.1381367970572385e-8))));
  const value = 1 - (tail - (r * c) / (2 - c) - head);
  if (k >= -1021 && k <= 1023) return value * power2(k);
  // In two factors, so that the largest numbers and the subnormals come out.
  return k > 0 ? value * 2 * power2(1023) : value * power2(k + 1000) * power2(-1000);
}

/**
 * ln x = k ln 2 + ln(1 + f) with 1 + f in [sqrt(1/2), sqrt(2)). With s = f / (2 + f):
 * ln(1 + f) = 2 artanh s = f - s (f - R(s^2)), or f - (f^2/2 - s (f^2/2 + R)) where that rounds better.
 */
export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN;
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY) return x;
  let k = 0;
  // Subnormal numbers are lifted first.
  scratch[0] = x < 2.2250738585072014e-308 ? x * 18014398509481984 : x;
  if (x < 2.2250738585072014e-308) k -= 54;
  const word = words[high]!;
  const mantissa = word & 0xfffff;
  // 1 where the mantissa is above sqrt(2), to the 20 bits of the high word.
  const upper = (mantissa + 0x95f64) & 0x100000;
  k += (word >> 20) - 1023 + (upper >> 20);
  words[high] = mantissa | (upper ^ 0x3ff00000);
  const f = scratch[0]! - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const odd =
    z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const sum = even + odd;
  if (mantissa > 0x6147a && mantissa < 0x6b851) {
    const half = 0.5 * f * f;
    return k * ln2High - (half - (s * (half + sum) + k * ln2Low) - f);
  }
  return k * ln2High - (s * (f - sum) - k * ln2Low - f);
}

// ---------------------------------------------------------------------------------------------------------------------
// sin and cos, likewise. Node's Math.sin and Math.cos have the same bits (but for results below 1e-8), and the C library
// behind NumPy nearly always, so that the twins of Gymnasium follow it to 1e-9 and better.
// Small angles are short functions of their own: V8 inlines those, while a number that crosses a call is boxed.

// Thresholds have their low word zero: FDLIBM compares high words.
/** Just above pi/4. */
const eighthTurn = 0.7853984832763672;
const threeEighths = 2.3561935424804688;
const largest = 1647099;
const cosPlain = 0.2999999523162842;
const cosQuarter = 0.7812504768371582;
/** pi/2 in pieces of 33 bits; `t`: what is left below each. */
const halfPi1 = 1.5707963267341256;
const halfPi1t = 6.077100506506192e-11;
const halfPi2 = 6.077100506303966e-11;
const halfPi2t = 2.0222662487959506e-21;
const halfPi3 = 2.0222662487111665e-21;
const halfPi3t = 8.4784276603689e-32;

const s1 = -0.16666666666666632;
const s2 = 0.00833333333332249;
const s3 = -0.0001984126982985795;
const s4 = 0.0000027557313707070068;
const s5 = -2.5050760253406863e-8;
const s6 = 1.58969099521155e-10;
const c1 = 0.0416666666666666;
const c2 = -0.001388888888887411;
const c3 = 0.00002480158728947673;
const c4 = -2.7557314351390663e-7;
const c5 = 2.087572321298175e-9;
const c6 = -1.1359647557788195e-11;

/** Within 1 ulp for |x| up to 1.6 million, NaN beyond. */
export function sin(x: number): number {
  if (!(Math.abs(x) < eighthTurn)) return turned(x, 0);
  const z = x * x;
  return x + z * x * (s1 + z * (s2 + z * (s3 + z * (s4 + z * (s5 + z * s6)))));
}

/** Within 1 ulp for |x| up to 1.6 million, NaN beyond. */
export function cos(x: number): number {
  if (!(Math.abs(x) < cosPlain)) return turned(x, 1);
  const z = x * x;
  return 1 - (0.5 * z - z * (z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * (c5 + z * c6)))))));
}

/** sin(x + shift pi/2): takes whole quarter turns off, x = turns pi/2 + r + tail with |r| <= pi/4. */
function turned(x: number, shift: number): number {
  const size = Math.abs(x);
  if (!(size < largest)) return Number.NaN;
  let turns = 0;
  let r = size;
  let tail = 0;
  if (size >= eighthTurn) {
    turns = size < threeEighths ? 1 : Math.floor(size * 0.6366197723675814 + 0.5);
    const head = size - turns * halfPi1;
    const below = turns * halfPi1t;
    r = head - below;
    tail = head - r - below;
    if (Math.abs(r) < size * 3.0517578125e-5) {
      refine(size, turns, r, tail);
      r = refined[0]!;
      tail = refined[1]!;
    }
  }
  if (x < 0) {
    r = -r;
    tail = -tail;
    turns = -turns;
  }
  const quadrant = (turns + shift) & 3;
  const value = (quadrant & 1) === 0 ? sinOf(r, tail) : cosOf(r, tail);
  return quadrant >= 2 ? -value : value;
}

const refined = new Float64Array(2);

function highWord(x: number): number {
  scratch[0] = x;
  return words[high]!;
}

/** Where most bits cancel, the next pieces of pi/2 count: `refined` becomes r and its tail. */
function refine(size: number, turns: number, first: number, firstTail: number): void {
  refined[0] = first;
  refined[1] = firstTail;
  const word = highWord(size);
  const exponent = word >> 20;
  if (turns < 32 && word !== highWord(turns * 1.5707963267948966)) return;
  if (turns !== 1 && exponent - ((highWord(first) >> 20) & 0x7ff) <= 16) return;
  let t = size - turns * halfPi1;
  let w = turns * halfPi2;
  let r = t - w;
  w = turns * halfPi2t - (t - r - w);
  let y = r - w;
  if (exponent - ((highWord(y) >> 20) & 0x7ff) > 49) {
    t = r;
    w = turns * halfPi3;
    r = t - w;
    w = turns * halfPi3t - (t - r - w);
    y = r - w;
  }
  refined[0] = y;
  refined[1] = r - y - w;
}

/** sin(r + tail) for |r| <= pi/4. */
function sinOf(r: number, tail: number): number {
  const z = r * r;
  const v = z * r;
  const sum = s2 + z * (s3 + z * (s4 + z * (s5 + z * s6)));
  return r - (z * (0.5 * tail - v * sum) - tail - v * s1);
}

/** cos(r + tail) for |r| <= pi/4. */
function cosOf(r: number, tail: number): number {
  const z = r * r;
  const sum = z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * (c5 + z * c6)))));
  const size = Math.abs(r);
  if (size < cosPlain) return 1 - (0.5 * z - (z * sum - r * tail));
  // 1 - z/2 loses bits here: a quarter of |r| with a short mantissa is taken off exactly first.
  const grain = size < 0.5 ? 16777216 : 8388608;
  const q = size >= cosQuarter ? 0.28125 : Math.floor((size / 4) * grain) / grain;
  return 1 - q - (0.5 * z - q - (z * sum - r * tail));
}

export function tanh(x: number): number {
  if (x > 20) return 1;
  if (x < -20) return -1;
  const e = exp(2 * x);
  return (e - 1) / (e + 1);
}
