/** Pictures to a clip file: WebM and MP4 by the platform's own encoder (WebCodecs), GIF by a thread of ours. */

import {
  BufferTarget,
  CanvasSource,
  getFirstEncodableVideoCodec,
  Mp4OutputFormat,
  Output,
  QUALITY_HIGH,
  type VideoCodec,
  WebMOutputFormat,
} from 'mediabunny';
import type { GifAnswer, GifOrder } from './gif-worker.ts';
import type { ClipFormat } from './plan.ts';

/** What is taken of each container, best first. */
const codecs: Readonly<Record<'webm' | 'mp4', VideoCodec[]>> = {
  webm: ['vp9', 'vp8', 'av1'],
  mp4: ['avc', 'hevc', 'av1', 'vp9'],
};

const codecOf = async (format: 'webm' | 'mp4', width: number, height: number): Promise<VideoCodec | null> =>
  typeof VideoEncoder === 'undefined'
    ? null
    : getFirstEncodableVideoCodec(codecs[format], { width, height, bitrate: QUALITY_HIGH });

/** Which formats this platform can make in this size; GIF always. */
export async function possibleFormats(width: number, height: number): Promise<ClipFormat[]> {
  const [webm, mp4] = await Promise.all([codecOf('webm', width, height), codecOf('mp4', width, height)]);
  return [...(webm ? (['webm'] as const) : []), ...(mp4 ? (['mp4'] as const) : []), 'gif'];
}

export interface ClipMaker {
  /** The canvas as it is now is the next picture. */
  add(): Promise<void>;
  /** The file. Also puts away what was needed for it. */
  finish(): Promise<Blob>;
  /** Puts away everything; no file. */
  drop(): Promise<void>;
}

/** @throws Error in words when the platform cannot make this format. */
export function openClip(format: ClipFormat, canvas: HTMLCanvasElement, fps: number): Promise<ClipMaker> {
  return format === 'gif' ? Promise.resolve(openGif(canvas, fps)) : openVideo(format, canvas, fps);
}

async function openVideo(format: 'webm' | 'mp4', canvas: HTMLCanvasElement, fps: number): Promise<ClipMaker> {
  const codec = await codecOf(format, canvas.width, canvas.height);
  if (!codec)
    throw new Error(
      `${format === 'mp4' ? 'MP4' : 'WebM'} of ${canvas.width} x ${canvas.height} cannot be made here: this browser has no encoder for it. GIF always works.`,
    );
  const target = new BufferTarget();
  const output = new Output({
    format: format === 'mp4' ? new Mp4OutputFormat() : new WebMOutputFormat(),
    target,
  });
  const source = new CanvasSource(canvas, { codec, bitrate: QUALITY_HIGH });
  output.addVideoTrack(source, { frameRate: fps });
  await output.start();
  let count = 0;
  return {
    async add() {
      await source.add(count / fps, 1 / fps);
      count++;
    },
    async finish() {
      await output.finalize();
      return new Blob([target.buffer!], { type: format === 'mp4' ? 'video/mp4' : 'video/webm' });
    },
    drop: () => output.cancel(),
  };
}

function openGif(canvas: HTMLCanvasElement, fps: number): ClipMaker {
  const worker = new Worker(new URL('./gif-worker.ts', import.meta.url), { type: 'module' });
  const ask = (order: GifOrder, transfer: Transferable[] = []): Promise<GifAnswer> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<GifAnswer>) =>
        data.type === 'failed' ? reject(new Error(`GIF: ${data.message}`)) : resolve(data);
      worker.onerror = (event) => reject(new Error(`GIF: ${event.message || 'its thread could not start'}`));
      worker.postMessage(order, transfer);
    });
  worker.postMessage({ type: 'begin', width: canvas.width, height: canvas.height } satisfies GifOrder);
  let count = 0;
  // GIFs count hundredths of a second; what is lost by rounding one picture is given to the next.
  const hundredths = (i: number): number => Math.round((i * 100) / fps);
  return {
    async add() {
      const context = canvas.getContext('2d')!;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const delay = 10 * (hundredths(count + 1) - hundredths(count));
      await ask({ type: 'frame', data, delay }, [data.buffer]);
      count++;
    },
    async finish() {
      const answer = await ask({ type: 'end' });
      worker.terminate();
      if (answer.type !== 'done') throw new Error('GIF: its thread gave no file');
      return new Blob([answer.bytes], { type: 'image/gif' });
    },
    async drop() {
      worker.terminate();
    },
  };
}
