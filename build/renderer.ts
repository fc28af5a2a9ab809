/** Builds the window (`renderer/` -> `dist/renderer`) when its sources have changed since it was last built. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, isStale, stamp } from './stale.ts';

/** What the bundle is made of. lab/ gives it types only, which vanish, and lab/pack.ts. */
const inputs = ['renderer', 'lab/pack.ts', 'build/vite.config.ts', 'package-lock.json'];

export const root = join(import.meta.dirname, '..');
export const rendererDir = join(root, 'dist', 'renderer');
const stampFile = join(root, 'dist', 'renderer.stamp');

export function rendererIsStale(): boolean {
  return !existsSync(join(rendererDir, 'index.html')) || isStale(stampFile, hashOf(root, inputs));
}

/**
 * Returns true when it built. Says one line on stderr when it does.
 * @throws Error when there is no window to build, or Vite finds a mistake in it.
 */
export async function buildRenderer({ force = false } = {}): Promise<boolean> {
  if (!force && !rendererIsStale()) return false;
  if (!existsSync(join(root, 'renderer', 'index.html'))) {
    throw new Error('renderer/index.html is missing: there is no window to build');
  }
  const hash = hashOf(root, inputs);
  const began = performance.now();
  // Loaded here: it takes a fifth of a second, which a start with a fresh bundle does not pay.
  const { build } = await import('vite');
  await build({ configFile: join(root, 'build', 'vite.config.ts'), logLevel: 'error' });
  stamp(stampFile, hash);
  process.stderr.write(`Built the window in ${((performance.now() - began) / 1000).toFixed(1)} s.\n`);
  return true;
}

if (import.meta.main) {
  await buildRenderer({ force: process.argv.includes('--force') });
}
