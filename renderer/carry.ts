/** Bytes in the messages of the api, in the window; on the side of Node: `lab/carry.ts`. */

import { bytesMark } from '../lab/pack.ts';

/** Of newer engines than the types know. */
interface Base64Reader {
  fromBase64?(text: string): Uint8Array<ArrayBuffer>;
}

const slowly = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

export const carriedBytes = {
  type: bytesMark,
  // The window asks in numbers and words; bytes come from the lab only.
  condition: () => false,
  serialize: (value: unknown): unknown => value,
  deserialize: (text: string): Uint8Array<ArrayBuffer> =>
    (Uint8Array as Base64Reader).fromBase64?.(text) ?? slowly(text),
};
