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

  const ofRun = `FROM reward_scores s JOIN episodes e ON e.id = s.episode_id
    WHERE e.run_id = ? AND e.kind = 'training' AND e.trashed_at IS NULL`;
  const models = db.prepare<[number], { readonly hash: string; readonly episodes: number }>(
    `SELECT s.model_hash AS hash, count(*) AS episodes ${ofRun} GROUP BY s.model_hash ORDER BY s.model_hash`,
  );
  const scored = db.prepare<[number, string], { readonly id: number; readonly step: number }>(
    `SELECT e.id, e.trained_steps AS step ${ofRun} AND s.model_hash = ? ORDER BY e.trained_steps, e.id`,
  );

  const store: Store['scores'] = {
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
    models: (runId) => models.all(runId),
    learned(runId, modelHash, most) {
      const all = scored.all(runId, modelHash);
      const count = Math.min(most, all.length);
      const found = Array.from({ length: count }, (_, k) => {
        const { id, step } = all[Math.floor((k * all.length) / count)]!;
        return { step, value: store.get(id, modelHash)?.at(-1) };
      }).filter(({ value }) => value !== undefined && Number.isFinite(value));
      return {
        steps: Float64Array.from(found, ({ step }) => step),
        values: Float64Array.from(found, ({ value }) => value!),
      };
    },
  };
  return store;
}
