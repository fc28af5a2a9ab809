/** Two rewards of the distance map on the timeline, in place of the chosen models: which, and the way back. */

import { Button } from '@mantine/core';
import { showPair, useTimeline } from '../state/timeline.ts';
import { Icon } from './icons.tsx';

export function PairChip({ tasks }: { readonly tasks: readonly string[] }) {
  const pair = useTimeline((state) => state.pair);
  if (pair === null || !tasks.includes(pair.task)) return null;
  const [a, b] = pair.sides.map(({ key }) => key);
  return (
    <Button
      size="compact-xs"
      variant="light"
      className="timeline-pair"
      title={`${a} and ${b}, a pair of the reward distances. Click: back to the models that were chosen.`}
      aria-label={`${a} | ${b}: take this pair off the timeline`}
      rightSection={<Icon name="close" size={9} />}
      onClick={() => showPair(null)}
      data-testid="timeline-pair"
    >
      {a} | {b}
    </Button>
  );
}
