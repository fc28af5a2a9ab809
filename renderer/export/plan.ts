/** What an export will be: which moments, which size, which name. Pure. */

export const formats = ['webm', 'mp4', 'gif'] as const;
export type ClipFormat = (typeof formats)[number];

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Moments of the clock at which a clip has its pictures: `fps` a second of the clip, `speed` seconds of the clock for one of the
 * clip. The last one is not after `to`. At least one.
 */
export function frameTimes(from: number, to: number, fps: number, speed: number): number[] {
  const count = Math.max(1, Math.round(((to - from) / speed) * fps));
  return Array.from({ length: count }, (_, i) => Math.min(to, from + (i * speed) / fps));
}

/** Where each view lies in a picture of this width, from where the views lie on screen. Video wants even sides. */
export function layOut(
  screen: readonly Rect[],
  width: number,
): { readonly width: number; readonly height: number; readonly cells: readonly Rect[] } {
  const left = Math.min(...screen.map(({ x }) => x));
  const top = Math.min(...screen.map(({ y }) => y));
  const right = Math.max(...screen.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...screen.map((rect) => rect.y + rect.height));
  const scale = width / Math.max(1, right - left);
  const even = (value: number): number => Math.max(2, 2 * Math.round(value / 2));
  const cells = screen.map((rect): Rect => {
    const x = Math.round((rect.x - left) * scale);
    const y = Math.round((rect.y - top) * scale);
    return {
      x,
      y,
      width: Math.max(1, Math.round((rect.x - left + rect.width) * scale) - x),
      height: Math.max(1, Math.round((rect.y - top + rect.height) * scale) - y),
    };
  });
  return { width: even(width), height: even((bottom - top) * scale), cells };
}

/** Bytes that a GIF's pictures take while it is made; more than this is refused. */
export const mostGifBytes = 1.2e9;

/** `push-episode-12-2.00s.png`; of several episodes `push-episodes-12-15.webm`. No character that a file system refuses. */
export function fileName(
  episodes: readonly { readonly task: string; readonly id: number }[],
  moment: string,
  extension: string,
): string {
  const tasks = [...new Set(episodes.map(({ task }) => task))].join('-');
  const ids = episodes.map(({ id }) => id);
  const middle = ids.length === 1 ? `episode-${ids[0]}` : `episodes-${ids.join('-')}`;
  const name = [tasks || 'stage', middle, moment].filter(Boolean).join('-');
  return `${name.replace(/[^\w.-]+/g, '-')}.${extension}`;
}
