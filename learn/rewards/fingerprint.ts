/** FNV-1a, 64 bits, over bytes: finds damaged bytes and names equal things. Not a defence against forgery. */
export function fingerprint(bytes: Uint8Array): string {
  // The 64-bit state as two unsigned halves; the prime is 2^40 + 0x1b3.
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (let i = 0; i < bytes.length; i++) {
    low = (low ^ bytes[i]!) >>> 0;
    const product = low * 0x1b3; // < 2^41: exact
    high = (high * 0x1b3 + Math.floor(product / 0x100000000) + low * 256) % 0x100000000;
    low = product % 0x100000000;
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

/** The fingerprint of plain data: objects with their keys in order, so that writing order does not matter. */
export function fingerprintOf(value: unknown): string {
  return fingerprint(new TextEncoder().encode(canonical(value)));
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const pairs = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`);
    return `{${pairs.join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError(`Number to be hashed is ${value}, wanted a finite one`);
  return JSON.stringify(value) ?? 'null';
}
