/** Versions that are saved with every run. */

import { readFileSync } from 'node:fs';

/** Beside the source in a checkout; the bundle carries its own copy. */
export const version: string = (() => {
  for (const path of ['../package.json', './package.json', '../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Record<
        string,
        unknown
      >;
      if (found['name'] === 'reward-lab') return String(found['version']);
    } catch {
      // not there; try the next
    }
  }
  return 'unknown';
})();

export const versions = (): Record<string, string> => ({
  rewardLab: version,
  node: process.versions.node,
  v8: process.versions.v8,
  platform: `${process.platform}-${process.arch}`,
});
