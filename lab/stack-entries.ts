/** Lines of a reward stack as `createStack` wants them: what is native from the registry, what is learned from fitted bytes. */

import { ruleOf, type StackEntry } from '../learn/rewards/stack.ts';
import type { StackLine } from './experiment.ts';
import type { ModelBytes } from './jobs.ts';
import { rewardNamed } from './registry.ts';

/** @throws RangeError naming a line whose reward is not in this version, or that has no fitted model. */
export function stackEntries(lines: readonly StackLine[], models: ModelBytes): StackEntry[] {
  return lines.map((line, index) => {
    const method = rewardNamed(line.reward);
    if (method === undefined)
      throw new RangeError(`Reward stack line ${index}: "${line.reward}" is not in this version`);
    const own = typeof line.gamma === 'number' ? { gamma: line.gamma } : {};
    const rule = ruleOf(line);
    if (method.kind === 'native')
      return { kind: 'native', reward: method, weight: line.weight, ...own, ...rule };
    const bytes = models[index];
    if (bytes === undefined)
      throw new RangeError(`Reward stack line ${index} (${line.reward}) has no fitted model`);
    return {
      kind: 'learned',
      method: line.reward,
      model: method.load(bytes),
      use: line.use,
      weight: line.weight,
      ...own,
      ...rule,
    };
  });
}
