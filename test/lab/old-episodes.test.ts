/** What a lab makes of a project of schema 2 while it is open. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import type { LabEvent } from '../../lab/api.ts';
import { Lab } from '../../lab/lab.ts';
import { openStore } from '../../store/index.ts';
import { episode, folder, oldProject } from '../store/support.ts';
import { tinyRun } from '../support/tiny-run.ts';

const old = (i: number) =>
  episode(1, {
    seed: i,
    columns: [
      { name: 'action', width: 1, data: Float64Array.of(0, i, 0, 0) },
      { name: 'learned/sarm', width: 1, data: Float32Array.of(0, 0, 0, 0, i / 64) },
    ],
  });

/** What the lab tells of it, to the end. */
async function untilMeasured(lab: Lab): Promise<Extract<LabEvent, { type: 'measuring' }>[]> {
  const told = [];
  for (let cursor = 0; ; ) {
    const news = await lab.events.since(cursor, 60_000);
    cursor = news.cursor;
    for (const event of news.events) {
      if (event.type !== 'measuring') continue;
      told.push(event);
      if (event.done === event.total) return told;
    }
  }
}

test('a lab measures old episodes beside a run, tells how far it is, and logs those that are damaged', async (t) => {
  const directory = folder(t);
  oldProject(
    directory,
    Array.from({ length: 40 }, (_, i) => old(i)),
  );
  const other = new Database(join(directory, 'lab.db'));
  other.exec("UPDATE episode_data SET bytes = x'00' WHERE episode_id = 7");
  other.close();
  const lab = new Lab({ project: directory, device: 'kernel' });
  t.after(() => lab.close());
  assert.equal(lab.store.oldEpisodes.count(), 40);
  const run = lab.start(tinyRun({ steps: 512 }), 1).id;
  const told = await untilMeasured(lab);
  assert.deepEqual(told.at(-1), { type: 'measuring', done: 40, total: 40 });
  assert.equal(lab.store.oldEpisodes.count(), 1);
  const { items } = lab.episodes({
    runId: 1,
    sort: 'learnedProgress',
    descending: true,
    offset: 0,
    limit: 2,
    trash: 'without',
  });
  assert.deepEqual(
    items.map(({ id, learnedProgress }) => [id, learnedProgress]),
    [
      [40, 39 / 64],
      [39, 38 / 64],
    ],
  );
  assert.match(
    readFileSync(join(directory, 'lab.log'), 'utf8'),
    /"level":40,.*"msg":"Episode 7: stored bytes are damaged \(1 bytes, wanted at least 20\); its jerk and learned progress stay unknown"/,
  );
  assert.equal((await lab.finished(run)).status, 'done');
});

test('a lab that is closed meanwhile leaves the rest to the next one; one that only reads does nothing', async (t) => {
  const directory = folder(t);
  oldProject(
    directory,
    Array.from({ length: 12 }, (_, i) => old(i)),
  );
  await new Lab({ project: directory }).close();
  const reader = new Lab({ project: directory, mode: 'read' });
  // Longer than a writer waits before it begins.
  const { events } = await reader.events.since(0, 1500);
  assert.deepEqual([events, reader.store.oldEpisodes.count()], [[], 12]);
  await reader.close();
  const lab = new Lab({ project: directory });
  await untilMeasured(lab);
  await lab.close();
  const store = openStore(directory, { mode: 'read' });
  t.after(() => store.close());
  assert.deepEqual([store.oldEpisodes.count(), store.episodes.get(12).jerk > 0], [0, true]);
});
