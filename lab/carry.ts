/** Bytes in the messages of the api, on the side of Node; in the window: `renderer/carry.ts`. */

import { bytesMark } from './pack.ts';

export const carriedBytes = {
  type: bytesMark,
  condition: (value: unknown): boolean => value instanceof Uint8Array,
  serialize: ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
    Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
  /** Memory of their own: Buffer's is shared with others. */
  deserialize: (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, 'base64')),
};
