/** Configurations of runs flat: one value a path, so that they can be columns, filtered and told apart. Pure. */

import type { RunRow } from '../store/types.ts';
import type { ConfigValue } from './api/runs.ts';

/** Marks of the lab that say where a run belongs, not how it was made. */
const marks = ['group', 'search'];

/**
 * Objects become paths with dots. A line of the reward stack is called by its place and its reward (`reward.1 (sarm).weight`), other
 * arrays are one value. Versions and device stand beside the settings; a run's name, which is in its configuration too, does not.
 */
export function flatConfig({
  config,
  versions,
  device,
}: Pick<RunRow, 'config' | 'versions' | 'device'>): Record<string, ConfigValue> {
  const found: Record<string, ConfigValue> = {};
  const add = (path: string, value: unknown): void => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') found[path] = value;
    else if (typeof value === 'number') found[path] = Number.isFinite(value) ? value : String(value);
    else if (Array.isArray(value)) found[path] = JSON.stringify(value);
    else if (typeof value === 'object')
      for (const [name, inner] of Object.entries(value)) add(`${path}.${name}`, inner);
  };
  for (const [name, value] of Object.entries(config)) {
    if (marks.includes(name) || name === 'name' || name === 'title') continue;
    if (name !== 'reward' || !Array.isArray(value)) add(name, value);
    else
      for (const [i, line] of value.entries()) {
        const { reward, ...rest } = line as Record<string, unknown>;
        add(`reward.${i} (${String(reward)})`, rest);
      }
  }
  add('versions', versions);
  add('device', device);
  return found;
}
