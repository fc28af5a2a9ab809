import type { OpenedDatabase } from './database.ts';
import { readColumns } from './episodes.ts';
import { encodeColumns } from './formats/episode-blob.ts';
import type { Store } from './types.ts';

export function openScores({ db, write }: OpenedDatabase): Store['scores'] {
  const hasEpisode = db.prepare<[number], number>('SELECT 1 FROM episodes WHERE id = ?').pluck();
  const put = db.prepare(
    'INSERT OR REPLACE INTO reward_scores (episode_id, model_hash, bytes) VALUES (?, ?, ?)',
  );
  const get = db
    .prepare<[number, string], Buffer>(
      'SELECT bytes FROM reward_scores WHERE episode_id = ? AND model_hash = ?',
    )
    .pluck();
  const of = db
    .prepare<[number], string>(
      'SELECT model_hash FROM reward_scores WHERE episode_id = ? ORDER BY model_hash',
    )
    .pluck();

  return {
    put(episodeId, modelHash, perStep) {
      const bytes = encodeColumns([{ name: 'perStep', width: 1, data: perStep }]);
      write(() => {
        if (hasEpisode.get(episodeId) === undefined) {
          throw new RangeError(`There is no episode ${episodeId} in this project; its score was not stored`);
        }
        put.run(episodeId, modelHash, bytes);
      });
    },
    get(episodeId, modelHash) {
      const bytes = get.get(episodeId, modelHash);
      if (bytes === undefined) return undefined;
      try {
        return readColumns(episodeId, bytes).get('perStep')!.data as Float32Array;
      } catch {
        // A cache: damaged bytes count as none and are computed again.
        return undefined;
      }
    },
    of: (episodeId) => of.all(episodeId),
  };
}
