/** WebAssembly as the platform has it; neither Node's nor the browser's types are known in here. */

interface Platform {
  readonly WebAssembly?: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (code: object, imports: object) => { readonly exports: object };
    readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
    validate(bytes: Uint8Array): boolean;
  };
}

export const platform = (globalThis as unknown as Platform).WebAssembly;
export const pageBytes = 65536;

const codes = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** By character code: every thread of the lab decodes this when it starts, and to search for each character takes four times as long. */
const values = new Uint8Array(128);
for (let value = 0; value < codes.length; value++) values[codes.charCodeAt(value)] = value;

/** Of base64. */
export function decode(text: string): Uint8Array {
  const bytes = new Uint8Array(
    Math.floor((text.length * 3) / 4) - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0),
  );
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let word = 0;
    for (let k = 0; k < 4; k++) word = (word << 6) | values[text.charCodeAt(i + k)]!;
    if (at < bytes.length) bytes[at++] = word >> 16;
    if (at < bytes.length) bytes[at++] = (word >> 8) & 255;
    if (at < bytes.length) bytes[at++] = word & 255;
  }
  return bytes;
}
