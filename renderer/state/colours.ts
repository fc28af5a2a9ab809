/**
 * Colours that stay. Eight hues after Okabe and Ito (2008), told apart with any of the common colour-vision
 * deficiencies, each in a shade for dark and one for light ground (contrast at least 3:1).
 * A series name keeps its colour across episodes, runs and sessions.
 */

export type Scheme = 'dark' | 'light';

export const hues: readonly { readonly name: string; readonly dark: string; readonly light: string }[] = [
  { name: 'blue', dark: '#5aa9f0', light: '#0a6ebd' },
  { name: 'orange', dark: '#f2a33a', light: '#b86a00' },
  { name: 'green', dark: '#2fc39a', light: '#00805c' },
  { name: 'pink', dark: '#e38bbd', light: '#b04a87' },
  { name: 'yellow', dark: '#eee05a', light: '#8c7b00' },
  { name: 'vermilion', dark: '#f0713a', light: '#c84a00' },
  { name: 'sky', dark: '#8fd3f7', light: '#2a7fa8' },
  { name: 'violet', dark: '#b49bf5', light: '#6f4fc4' },
];

/** The letters of players, A to I: the hues in their order, the last one grey. */
export function letterColour(letter: string, scheme: Scheme): string {
  const hue = hues[letter.toLowerCase().charCodeAt(0) - 97];
  return hue?.[scheme] ?? (scheme === 'dark' ? '#b9c2ce' : '#5d6875');
}

/** Names everyone meets get fixed hues, so that pictures of different projects read alike. */
const fixed: Readonly<Record<string, number>> = {
  'progress/true': 2,
  'progress/learned': 1,
  'reward/total': 0,
  value: 7,
  advantage: 6,
};

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** What a session remembers of its palette; `localStorage` in the window. */
export interface PaletteMemory {
  load(): Readonly<Record<string, number>>;
  save(slots: Readonly<Record<string, number>>): void;
}

const forgetful: PaletteMemory = { load: () => ({}), save: () => undefined };

/**
 * Gives each name a hue: its fixed one, else the one its hash asks for, else, where an earlier name has that, the next
 * free one. Once given, never changed.
 */
export class Palette {
  private readonly slots: Record<string, number>;
  private readonly memory: PaletteMemory;

  constructor(memory: PaletteMemory = forgetful) {
    this.memory = memory;
    this.slots = { ...memory.load() };
  }

  /** Index into `hues`. */
  hue(name: string): number {
    const known = fixed[name] ?? this.slots[name];
    if (known !== undefined) return known % hues.length;
    const wish = hashOf(name) % hues.length;
    const order = hues.map((_, i) => (wish + i) % hues.length);
    const given = [...Object.entries(fixed), ...Object.entries(this.slots)];
    const lane = (other: string): string => other.slice(0, other.indexOf('/') + 1);
    const isFree = (slot: number, inLane: boolean): boolean =>
      given.every(([other, taken]) => taken !== slot || (inLane && lane(other) !== lane(name)));
    // Where no hue is left for all, what is drawn in the same lane goes first: the part of a name before its first stroke.
    const slot = order.find((one) => isFree(one, false)) ?? order.find((one) => isFree(one, true)) ?? wish;
    this.slots[name] = slot;
    this.memory.save(this.slots);
    return slot;
  }

  colour(name: string, scheme: Scheme): string {
    return hues[this.hue(name)]![scheme];
  }
}

/** Runs are numbered, so their colours need no memory. */
export function runColour(runId: number, scheme: Scheme): string {
  return hues[(runId - 1) % hues.length]![scheme];
}

/** Of a run (`7`) or a group of runs (`g2`): a side of a comparison. */
export function sideColour(memory: Palette, side: string, scheme: Scheme): string {
  return /^\d/.test(side) ? runColour(Number(side), scheme) : memory.colour(`group/${side}`, scheme);
}

/** Colour ramp for progress in [0, 1]: blue to yellow through teal, ever lighter (after viridis). Linear RGB, no alpha. */
export function progressRgb(value: number): [number, number, number] {
  const stops: readonly [number, number, number][] = [
    [0.27, 0.23, 0.55],
    [0.17, 0.44, 0.56],
    [0.13, 0.66, 0.52],
    [0.56, 0.84, 0.3],
    [0.99, 0.91, 0.15],
  ];
  const at = Math.min(1, Math.max(0, Number.isFinite(value) ? value : 0)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const part = at - low;
  const a = stops[low]!;
  const b = stops[low + 1]!;
  return [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part];
}

/** Colour ramp for a difference in [-1, 1]: blue below, vermilion above, pale where there is none. Linear RGB, no alpha. */
export function differenceRgb(value: number): [number, number, number] {
  const at = Math.min(1, Math.max(-1, Number.isFinite(value) ? value : 0));
  const pale = [0.86, 0.86, 0.84] as const;
  const end = at < 0 ? ([0.02, 0.14, 0.52] as const) : ([0.62, 0.09, 0.01] as const);
  // Slower at first, so that small differences are told from none.
  const part = Math.abs(at) ** 0.8;
  return [0, 1, 2].map((k) => pale[k]! + (end[k]! - pale[k]!) * part) as [number, number, number];
}
