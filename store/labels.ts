import type { OpenedDatabase } from './database.ts';
import type { StageLabel, Store } from './types.ts';

export function openLabels({ db, write }: OpenedDatabase): Store['labels'] {
  const length = db.prepare<[number], number>('SELECT length FROM episodes WHERE id = ?').pluck();
  const remove = db.prepare('DELETE FROM stage_labels WHERE episode_id = ? AND source = ? AND scheme = ?');
  const insert =
    db.prepare(`INSERT INTO stage_labels (episode_id, source, scheme, start_frame, end_frame, stage)
    VALUES (?, ?, ?, ?, ?, ?)`);
  const select = db.prepare<[number], StageLabel>(`SELECT episode_id AS episodeId, source, scheme, stage,
    start_frame AS start, end_frame AS end FROM stage_labels WHERE episode_id = ?
    ORDER BY source, scheme, start_frame`);

  return {
    set(episodeId, source, scheme, spans) {
      write(() => {
        const steps = length.get(episodeId);
        if (steps === undefined) throw new RangeError(`There is no episode ${episodeId} in this project`);
        checkSpans(episodeId, steps + 1, spans);
        remove.run(episodeId, source, scheme);
        for (const { stage, start, end } of spans) insert.run(episodeId, source, scheme, start, end, stage);
      });
    },
    get: (episodeId) => select.all(episodeId),
  };
}

function checkSpans(
  episodeId: number,
  frames: number,
  spans: readonly Pick<StageLabel, 'stage' | 'start' | 'end'>[],
): void {
  let previous = 0;
  for (const { stage, start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const label = `Episode ${episodeId}: label of stage ${stage} over frames ${start} to ${end}`;
    if (![stage, start, end].every((value) => Number.isInteger(value) && value >= 0)) {
      throw new RangeError(`${label}: wanted whole numbers of at least 0`);
    }
    if (end <= start) throw new RangeError(`${label}: the end must come after the start`);
    if (end > frames) throw new RangeError(`${label}: the episode has ${frames} frames`);
    if (start < previous) throw new RangeError(`${label}: overlaps the label that ends at ${previous}`);
    previous = end;
  }
}
