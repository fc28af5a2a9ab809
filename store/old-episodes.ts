/**
 * Jerk and learned progress of episodes that were stored before schema 3 had columns for them, so that sorting and
 * filtering by them finds these, too. The migration wrote down whose they are; reading all their bytes there would keep a
 * large project shut for minutes.
 */

import type { OpenedDatabase } from './database.ts';
import { isMeasured, jerkOf, lastLearned, readColumns } from './episodes.ts';
import type { Store } from './types.ts';

interface Old {
  readonly id: number;
  /** Null where they are missing. */
  readonly bytes: Buffer | null;
}

export function openOldEpisodes({ db, write }: OpenedDatabase): Store['oldEpisodes'] {
  const count = db.prepare<[], number>('SELECT count(*) FROM old_episodes').pluck();
  const next = db.prepare<[number], Old>(
    `SELECT o.episode_id AS id, d.bytes FROM old_episodes o LEFT JOIN episode_data d ON d.episode_id = o.episode_id
    WHERE o.episode_id > ? ORDER BY o.episode_id LIMIT 1`,
  );
  const update = db.prepare('UPDATE episodes SET jerk = ?, learned_progress = ? WHERE id = ?');
  const remove = db.prepare('DELETE FROM old_episodes WHERE episode_id = ?');

  return {
    count: () => count.get()!,
    measure(after, mostMs) {
      const end = performance.now() + mostMs;
      const measured: [jerk: number | null, learned: number | null, id: number][] = [];
      const problems: string[] = [];
      let last = after;
      let looked = 0;
      while (looked === 0 || performance.now() < end) {
        const old = next.get(last);
        if (old === undefined) break;
        const { id, bytes } = old;
        last = id;
        looked++;
        try {
          if (bytes === null) throw new Error(`Episode ${id}: stored bytes are missing`);
          const columns = [...readColumns(id, bytes, isMeasured).values()];
          measured.push([jerkOf(columns), lastLearned(columns), id]);
        } catch (error) {
          problems.push(error instanceof Error ? error.message : String(error));
        }
      }
      if (looked === 0) return undefined;
      write(() => {
        for (const values of measured) {
          update.run(...values);
          remove.run(values[2]);
        }
      });
      return { last, count: looked, problems };
    },
  };
}
