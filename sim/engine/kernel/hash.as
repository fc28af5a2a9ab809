// Hashes of four state rows at a time, one in each 32-bit lane: `hashState64` of ../hash.ts to the bit. Compiled by
// build/hash-kernel.ts.

// @ts-ignore: decorator
@inline
function round(hash: v128, word: v128, c1: v128, c2: v128): v128 {
  let k = i32x4.mul(word, c1);
  k = v128.or(i32x4.shl(k, 15), i32x4.shr_u(k, 17));
  let h = v128.xor(hash, i32x4.mul(k, c2));
  h = v128.or(i32x4.shl(h, 13), i32x4.shr_u(h, 19));
  return i32x4.add(i32x4.add(i32x4.shl(h, 2), h), i32x4.splat(0xe6546b64));
}

// @ts-ignore: decorator
@inline
function finish(hash: v128, words: i32): v128 {
  let h = v128.xor(hash, i32x4.splat(words));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x85ebca6b));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 13)), i32x4.splat(0xc2b2ae35));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

// -0 as 0, every NaN as one.
// @ts-ignore: decorator
@inline
function plain(pair: v128): v128 {
  return v128.bitselect(
    f64x2.add(pair, f64x2.splat(0)),
    i64x2.splat(0x7ff8000000000000),
    f64x2.eq(pair, pair),
  );
}

// rows: [4 * groups, dim] float64; out: [4 * groups, 2] uint32, the high word first
export function hashStates(rows: usize, dim: i32, groups: i32, out: usize): void {
  const a1 = i32x4.splat(0xcc9e2d51);
  const a2 = i32x4.splat(0x1b873593);
  const b1 = i32x4.splat(0x239b961b);
  const b2 = i32x4.splat(0xab0e9789);
  const stride = <usize>dim << 3;
  for (let group = 0; group < groups; group++) {
    let a = i32x4.splat(0x243f6a88);
    let b = i32x4.splat(0x85a308d3);
    let first = rows;
    let second = first + stride;
    let third = second + stride;
    let fourth = third + stride;
    const end = second;
    while (first < end) {
      const early = plain(v128.load64_lane(second, v128.load64_zero(first), 1));
      const late = plain(v128.load64_lane(fourth, v128.load64_zero(third), 1));
      const low = v128.shuffle<i32>(early, late, 0, 2, 4, 6);
      const high = v128.shuffle<i32>(early, late, 1, 3, 5, 7);
      a = round(a, low, a1, a2);
      b = round(b, low, b1, b2);
      a = round(a, high, a1, a2);
      b = round(b, high, b1, b2);
      first += 8;
      second += 8;
      third += 8;
      fourth += 8;
    }
    a = finish(a, 2 * dim);
    b = finish(v128.xor(b, a), 2 * dim);
    v128.store(out, v128.shuffle<i32>(a, b, 0, 4, 1, 5));
    v128.store(out, v128.shuffle<i32>(a, b, 2, 6, 3, 7), 16);
    out += 32;
    rows += stride << 2;
  }
}
