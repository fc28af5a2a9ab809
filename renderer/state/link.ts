/**
 * The part of the address after `#`: which project, run, episodes and moment are on screen and how, for links and reloads. Pure.
 */

import { type AlignMode, alignModes } from './align.ts';

/** Letters of players that a link may name. */
const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] as const;
type Letter = (typeof letters)[number];

/** Episodes by player: their ids. */
export interface DeepLink extends Partial<Readonly<Record<Letter, number>>> {
  /** Name of the project's folder: ids of another project mean something else. */
  readonly project?: string;
  readonly run?: number;
  /** Seconds on the clock. */
  readonly t?: number;
  readonly in?: number;
  readonly out?: number;
  readonly active?: Letter;
  readonly align?: AlignMode;
  readonly ghosts?: boolean;
  /** A built-in layout or a saved one. */
  readonly layout?: string;
}

const isOneOf = <T extends string>(all: readonly T[], text: string | null): text is T =>
  (all as readonly (string | null)[]).includes(text);

/** What cannot be read is left out. */
export function readLink(hash: string): DeepLink {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const link: { -readonly [K in keyof DeepLink]: DeepLink[K] } = {};
  const numberOf = (key: string): number => {
    const text = params.get(key);
    return text === null || text === '' ? Number.NaN : Number(text);
  };
  for (const key of ['run', ...letters] as const) {
    const id = numberOf(key);
    if (Number.isSafeInteger(id) && id > 0) link[key] = id;
  }
  for (const key of ['t', 'in', 'out'] as const) {
    const seconds = numberOf(key);
    if (seconds >= 0 && Number.isFinite(seconds)) link[key] = seconds;
  }
  for (const key of ['project', 'layout'] as const) {
    const text = params.get(key);
    if (text) link[key] = text;
  }
  const active = params.get('active');
  if (isOneOf(letters, active)) link.active = active;
  const align = params.get('align');
  if (isOneOf(alignModes, align)) link.align = align;
  if (params.get('ghosts') === '1') link.ghosts = true;
  return link;
}

/** What goes without saying is not written. */
export function writeLink(link: DeepLink): string {
  const params = new URLSearchParams();
  const put = (key: keyof DeepLink, value: string | number | undefined): void => {
    if (value !== undefined) params.set(key, String(value));
  };
  // Coarser, 38 steps of 1/60 s would come back as 37.
  const seconds = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : Number(value.toFixed(9));
  put('project', link.project);
  put('run', link.run);
  for (const letter of letters) put(letter, link[letter]);
  if (link.t !== undefined && link.t > 0) put('t', seconds(link.t));
  put('in', seconds(link.in));
  put('out', seconds(link.out));
  if (link.active !== 'a') put('active', link.active);
  if (link.align !== 'seconds') put('align', link.align);
  if (link.ghosts) put('ghosts', 1);
  put('layout', link.layout);
  const text = params.toString();
  return text === '' ? '' : `#${text}`;
}
