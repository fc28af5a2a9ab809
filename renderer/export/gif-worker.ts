/** Makes a GIF in a thread of its own: colours, dithering and packing take longer than drawing the pictures. */

import { Encoder } from 'modern-gif';

export type GifOrder =
  | { readonly type: 'begin'; readonly width: number; readonly height: number }
  | { readonly type: 'frame'; readonly data: Uint8ClampedArray<ArrayBuffer>; readonly delay: number }
  | { readonly type: 'end' };
export type GifAnswer =
  | { readonly type: 'taken' }
  | { readonly type: 'done'; readonly bytes: ArrayBuffer }
  | { readonly type: 'failed'; readonly message: string };

interface Scope {
  onmessage: ((event: { readonly data: GifOrder }) => void) | null;
  postMessage(answer: GifAnswer, transfer?: readonly ArrayBuffer[]): void;
}
const scope = globalThis as unknown as Scope;

let encoder: Encoder | null = null;

async function obey(order: GifOrder): Promise<void> {
  switch (order.type) {
    case 'begin':
      encoder = new Encoder({ width: order.width, height: order.height, looped: true, loopCount: 0 });
      break;
    case 'frame':
      await encoder?.encode({ data: order.data, delay: order.delay });
      scope.postMessage({ type: 'taken' });
      break;
    case 'end': {
      const bytes = await encoder?.flush('arrayBuffer');
      if (bytes) scope.postMessage({ type: 'done', bytes }, [bytes]);
    }
  }
}

scope.onmessage = ({ data }) => {
  obey(data).catch((error: unknown) =>
    scope.postMessage({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
};
