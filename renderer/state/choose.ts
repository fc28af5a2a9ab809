/** Episodes worth comparing of a run, chosen by the lab's own sorting. */

import { notifications } from '@mantine/notifications';
import { lab } from '../lab.ts';
import { messageOf } from './message.ts';
import { openEpisode, setActive, setCompare } from './players.ts';
import { useRuns } from './runs.ts';

/** Best, median and worst by return in A, B and C. */
export async function openBestMedianWorst(): Promise<void> {
  const { selected } = useRuns.getState();
  if (selected === null) return;
  try {
    // Training episodes are of many policies; those of an evaluation are of one.
    const evaluation = await lab.episodes.list({ runId: selected, kind: 'evaluation', limit: 1 });
    const query = { runId: selected, ...(evaluation.total > 0 ? { kind: 'evaluation' as const } : {}) };
    const at = async (offset: number) =>
      lab.episodes.list({ ...query, sort: 'returnTotal', descending: true, offset, limit: 1 });
    const best = await at(0);
    const places = [...new Set([0, Math.floor((best.total - 1) / 2), best.total - 1])].filter((n) => n >= 0);
    const found = await Promise.all(places.map(at));
    const ids = found.flatMap(({ items }) => items.map(({ id }) => id));
    if (ids.length === 0) throw new RangeError('The run has no episodes yet');
    setCompare(false);
    await Promise.all(ids.map((id, i) => openEpisode((['a', 'b', 'c'] as const)[i]!, id, 'zero')));
    setActive('a');
  } catch (error) {
    notifications.show({
      title: `Run ${selected} cannot be compared with itself`,
      message: messageOf(error),
      color: 'yellow',
    });
  }
}
