/** Packed arrays as the api hands them out. */

import { z } from 'zod';

/** Of `lab/pack.ts`; how they travel: `lab/carry.ts`. */
export const bytesSchema = z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array);
