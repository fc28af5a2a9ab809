/** What is written beside the agent, as chosen; the first line is the true one. Pure. */

import type { LoadedEpisode } from '../state/opened.ts';
import type { LabelChoice } from '../state/stage-look.ts';

export interface LabelLines {
  /** True and learned progress as rings, 0..1; null: no rings. */
  readonly rings: readonly [truth: number, learned: number | undefined] | null;
  readonly first: string;
  readonly second: string;
}

const number = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(2));

/** Null where nothing is wanted. True progress stands beside whatever is chosen. */
export function labelOf(episode: LoadedEpisode, frame: number, choice: LabelChoice): LabelLines | null {
  const truth = episode.trueProgress[frame] ?? 0;
  const learned = episode.learned[0]?.values[frame];
  const rings = [truth, learned] as const;
  const first = `true ${truth.toFixed(2)}`;
  switch (choice) {
    case 'none':
      return null;
    case 'progress':
      return { rings, first, second: learned === undefined ? '' : `learned ${learned.toFixed(2)}` };
    case 'reward':
      return { rings, first, second: `reward ${number(episode.total?.[frame])}` };
    case 'terms':
      return {
        rings,
        first,
        second: episode.terms
          .slice(0, 4)
          .map(({ id, product }) => `${id} ${number(product[frame])}`)
          .join('\n'),
      };
  }
}
