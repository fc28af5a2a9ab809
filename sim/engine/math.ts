/**
 * Elementary functions from + - * / and sqrt alone. IEEE 754 fixes those to the bit; the platform's exp, sin or log may
 * differ between builds, so nothing that enters a state or a reward may use them. Accurate to a few 1e-16 relative
 * unless said otherwise.
 */

export const clamp = (value: number, low: number, high: number): number =>
  value < low ? low : value > high ? high : value;

const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;
const halfPiHigh = 1.5707963267341256;
const halfPiLow = 6.077100506506192e-11;

/** 2^k for integer k in [-1074, 1023], exact. */
function power2(k: number): number {
  let base = k < 0 ? 0.5 : 2;
  let result = 1;
  for (let n = k < 0 ? -k : k; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result *= base;
    base *= base;
  }
  return result;
}

/** e^x = 2^k e^r with |r| <= ln(2)/2; e^r by its Taylor sum. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.78) return Number.POSITIVE_INFINITY;
  if (x < -745.13) return 0;
  const k = Math.floor(x / Math.LN2 + 0.5);
  const r = x - k * ln2High - k * ln2Low;
  // Horner form of sum r^n / n!; r^15 / 15! < 1e-19.
  let sum = 1;
  for (let n = 14; n >= 1; n--) sum = 1 + (r / n) * sum;
  // Split so that results near the subnormals do not vanish through 2^k = 0.
  const half = Math.trunc(k / 2);
  return sum * power2(half) * power2(k - half);
}

/** ln x = k ln 2 + ln m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)). */
export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN;
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY) return x;
  let m = x;
  let k = 0;
  while (m >= Math.SQRT2) {
    m /= 2;
    k++;
  }
  while (m < Math.SQRT1_2) {
    m *= 2;
    k--;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  // s2 <= 0.0295: twelve terms leave less than 1e-19.
  let sum = 1 / 25;
  for (let n = 23; n >= 1; n -= 2) sum = 1 / n + s2 * sum;
  return k * ln2High + (k * ln2Low + 2 * s * sum);
}

/** sin and cos of the reduced angle r, |r| <= pi/4, by Taylor sums. */
function sinReduced(r: number): number {
  const r2 = r * r;
  let sum = 1;
  for (let n = 18; n >= 2; n -= 2) sum = 1 - (r2 / (n * (n + 1))) * sum;
  return r * sum;
}

function cosReduced(r: number): number {
  const r2 = r * r;
  let sum = 1;
  for (let n = 17; n >= 1; n -= 2) sum = 1 - (r2 / (n * (n + 1))) * sum;
  return sum;
}

/** For |x| up to about 1e6 (the reduction keeps two words of pi/2). */
export function sin(x: number): number {
  const k = Math.floor(x / 1.5707963267948966 + 0.5);
  const r = x - k * halfPiHigh - k * halfPiLow;
  const quadrant = k - 4 * Math.floor(k / 4);
  if (quadrant === 0) return sinReduced(r);
  if (quadrant === 1) return cosReduced(r);
  if (quadrant === 2) return -sinReduced(r);
  return -cosReduced(r);
}

export function cos(x: number): number {
  const k = Math.floor(x / 1.5707963267948966 + 0.5);
  const r = x - k * halfPiHigh - k * halfPiLow;
  const quadrant = k - 4 * Math.floor(k / 4);
  if (quadrant === 0) return cosReduced(r);
  if (quadrant === 1) return -sinReduced(r);
  if (quadrant === 2) return -cosReduced(r);
  return sinReduced(r);
}

export function tanh(x: number): number {
  if (x > 20) return 1;
  if (x < -20) return -1;
  const e = exp(2 * x);
  return (e - 1) / (e + 1);
}
