/** What the numbered lines on the curves are, in words. */

import type { WeightChange } from '../state/weight-changes.ts';
import { grouped } from '../timeline/scale.ts';

/** Changes that are said one by one; the others are counted, and said by the panel Weights. */
const most = 12;

export function WeightChanges({ changes }: { readonly changes: readonly WeightChange[] }) {
  if (changes.length === 0) return null;
  const more = changes.length - most;
  return (
    <p className="judge-note curves-changes" data-testid="curves-changes">
      Weights changed while training:{' '}
      {changes
        .slice(0, most)
        .map(
          ({ id, number, reward, from, to, step }) =>
            `w${number} (run ${id}) ${reward} ${from} to ${to} at step ${grouped(step)}`,
        )
        .join('; ')}
      {more > 0 ? `; and ${more} more, in the panel Weights of each run` : ''}.
    </p>
  );
}
