/** Stored episodes against a new simulation of them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishedEpisode } from '../../lab/recorder.ts';
import { replay } from '../../lab/replay.ts';
import { runEpisodes } from '../../lab/rollout.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { decodeColumns, encodeColumns } from '../../store/formats/episode-blob.ts';
import type { Column, EpisodeRow } from '../../store/types.ts';

const model = tasks.cartpole.create({
  ...defaultsOf(tasks.cartpole.fields),
  horizon: 12,
  fixedHorizon: true,
});

async function recorded(): Promise<FinishedEpisode> {
  const episodes: FinishedEpisode[] = [];
  await runEpisodes({
    model,
    actor: { kind: 'random' },
    kind: 'random',
    seeds: [41],
    onEpisode: (episode) => episodes.push(episode),
  });
  return episodes[0]!;
}

const rowOf = (episode: Partial<EpisodeRow>): EpisodeRow =>
  ({ id: 3, seed: 41, length: 12, ...episode }) as EpisodeRow;

/** As commit 864548c stored it: one 32-bit hash a state, format 1. Random actions from seed 41. */
const format1 = [
  'UkxFQgEAAABDAQAAEgEAAHdlN+5beyJuYW1lIjoiYWN0aW9uIiwidHlwZSI6ImY2NCIsIndpZHRoIjoxLCJyb3dzIjoxMn0seyJu',
  'YW1lIjoia2V5ZnJhbWUiLCJ0eXBlIjoiZjY0Iiwid2lkdGgiOjYsInJvd3MiOjF9LHsibmFtZSI6InN0YXRlSGFzaCIsInR5cGUi',
  'OiJ1MzIiLCJ3aWR0aCI6MSwicm93cyI6MTN9LHsibmFtZSI6InRydWVQcm9ncmVzcyIsInR5cGUiOiJmMzIiLCJ3aWR0aCI6MSwi',
  'cm93cyI6MTN9LHsibmFtZSI6InRydWVTdGFnZSIsInR5cGUiOiJ1OCIsIndpZHRoIjoxLCJyb3dzIjoxM30seyJuYW1lIjoidHJ1',
  'ZVN1Y2Nlc3MiLCJ0eXBlIjoidTgiLCJ3aWR0aCI6MSwicm93cyI6MTN9XSi1L/1gEgCtBQC0CQAA8PDw8AAA8AA/Pz8/AAA/AD8/',
  'AE2GqNgAAG+K+xcAALXqpngAABrT+CgAAJwcWlcAAPgQZY8AAJWopKEAAL9LGsZr9qwvKs4pII6jUr0GYQDC74qWf7yXeVO1JyvA',
  'NVd8K3PkjaHl4KMBbDs+Lgrbb+QQAKurAKtVAFWrAKqqAKpVAFWqAKoqgKrVABUqQFVqgAA9Pj4+PgEBCQDAJW8GbAToMRFAyNbF',
  'NqxipwSxUNAG',
].join('');

test('an episode of format 1, with 32 bits a state, still reads and verifies', () => {
  const columns = decodeColumns(Buffer.from(format1, 'base64'));
  assert.equal(columns.get('stateHash')!.width, 1);
  const outcome = replay(model, rowOf({ checksum: '40e0b30e19873f54' }), columns);
  assert.deepEqual([outcome.ok, outcome.message], [true, 'Episode 3: 12 steps replay exactly']);
  const hash = columns.get('stateHash')!.data;
  hash[5]! ^= 1;
  assert.equal(replay(model, rowOf({ checksum: '40e0b30e19873f54' }), columns).driftStep, 5);
});

test('an episode keeps 64 bits a state, and each of them counts', async () => {
  const episode = await recorded();
  const stored = (): Map<string, Column> => decodeColumns(encodeColumns(episode.columns));
  const hash = stored().get('stateHash')!;
  assert.deepEqual([hash.width, hash.data.length], [2, 26]);
  assert.ok(replay(model, rowOf(episode), stored()).ok);
  for (const word of [0, 1, 9, 24, 25]) {
    const columns = stored();
    columns.get('stateHash')!.data[word]! ^= 1 << 30;
    const { ok, driftStep } = replay(model, rowOf(episode), columns);
    assert.deepEqual([ok, driftStep], [false, word >> 1]);
  }
  const other = replay(model, rowOf({ ...episode, checksum: '0123456789abcdef' }), stored());
  assert.deepEqual([other.ok, other.driftStep], [false, null]);
});

test('the same actions gave the same numbers in format 1', async () => {
  const old = decodeColumns(Buffer.from(format1, 'base64'));
  const now = new Map((await recorded()).columns.map((column) => [column.name, column]));
  for (const name of ['action', 'keyframe', 'trueProgress', 'trueSuccess']) {
    assert.deepEqual(now.get(name), old.get(name));
  }
});
