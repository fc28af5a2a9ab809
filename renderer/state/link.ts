/** The part of the address after `#`: which run, episodes and moment are on screen, for links and reloads. Pure. */

export interface DeepLink {
  readonly run?: number;
  readonly a?: number;
  readonly b?: number;
  /** Seconds on the clock. */
  readonly t?: number;
}

export function readLink(hash: string): DeepLink {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const link: { -readonly [K in keyof DeepLink]: number } = {};
  for (const key of ['run', 'a', 'b', 't'] as const) {
    const text = params.get(key);
    const value = text === null ? Number.NaN : Number(text);
    const fine = key === 't' ? value >= 0 && Number.isFinite(value) : Number.isInteger(value) && value > 0;
    if (fine) link[key] = value;
  }
  return link;
}

export function writeLink(link: DeepLink): string {
  const params = new URLSearchParams();
  if (link.run !== undefined) params.set('run', String(link.run));
  if (link.a !== undefined) params.set('a', String(link.a));
  if (link.b !== undefined) params.set('b', String(link.b));
  if (link.t !== undefined && link.t > 0) params.set('t', link.t.toFixed(2));
  const text = params.toString();
  return text === '' ? '' : `#${text}`;
}
