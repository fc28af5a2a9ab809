/** Real projects in temporary folders, and other processes that work on them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../../store/database.ts';
import { encodeColumns } from '../../store/formats/episode-blob.ts';
import { type NewEpisode, type NewRun, openStore, type Store } from '../../store/index.ts';
import { migrations } from '../../store/migrations.ts';

export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'reward-lab-store-'));
  t.after(() => {
    chmodSync(path, 0o755);
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

export function project(t: TestContext): Store {
  const store = openStore(folder(t));
  t.after(() => store.close());
  return store;
}

export const run: NewRun = {
  kind: 'train',
  name: 'first',
  task: 'push',
  algorithm: 'ppo',
  seed: 7,
  config: { algorithm: { gamma: 0.99 }, reward: [{ reward: 'sparse' }] },
  versions: { app: '0.1.0', node: '24' },
};

export function episode(runId: number, changes: Partial<NewEpisode> = {}): NewEpisode {
  const length = changes.length ?? 20;
  return {
    runId,
    task: 'push',
    kind: 'training',
    seed: 1,
    trainedSteps: 0,
    length,
    ending: 'truncated',
    success: false,
    finalProgress: 0.5,
    returnTotal: 1.5,
    returns: { sparse: 0, 'learned/sarm': 1.5 },
    rewardHash: null,
    checksum: '00112233445566ff',
    columns: [
      { name: 'actions', width: 2, data: Float64Array.from({ length: length * 2 }, (_, i) => Math.sin(i)) },
    ],
    ...changes,
  };
}

/** A closed project of schema 2 with one run of these episodes, written as the Reward Lab of then did. */
export function oldProject(directory: string, episodes: readonly NewEpisode[]): void {
  const { db, write, close } = openDatabase(directory, {}, migrations.slice(0, 2));
  write(() => {
    db.prepare(`INSERT INTO runs (kind, name, task, algorithm, seed, status, config, versions, created_at)
      VALUES (@kind, @name, @task, @algorithm, @seed, 'done', @config, @versions, 0)`).run({
      ...run,
      config: JSON.stringify(run.config),
      versions: JSON.stringify(run.versions),
    });
    const insert =
      db.prepare(`INSERT INTO episodes (run_id, task, kind, seed, trained_steps, length, ending, success,
      final_progress, return_total, reward_hash, checksum, created_at) VALUES (1, @task, @kind, @seed, @trainedSteps,
      @length, @ending, @success, @finalProgress, @returnTotal, @rewardHash, @checksum, 0)`);
    const data = db.prepare('INSERT INTO episode_data (episode_id, bytes) VALUES (?, ?)');
    for (const { columns, returns: _, fork: __, ...plain } of episodes) {
      const { lastInsertRowid } = insert.run({ ...plain, success: plain.success ? 1 : 0 });
      data.run(lastInsertRowid, encodeColumns(columns));
    }
  });
  close();
}

/** Every file of the folder with the hash of its bytes. */
export function fingerprint(path: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(path)
      .sort()
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(path, name)))
          .digest('hex'),
      ]),
  );
}

/** Runs `child.ts` in a process of its own; `line()` gives what it prints, one line at a time. */
export function child(
  t: TestContext,
  args: readonly string[],
  options: { uid?: number } = {},
): { process: ChildProcess; line(): Promise<string>; lines: string[]; closed: Promise<void> } {
  const script = fileURLToPath(new URL('./child.ts', import.meta.url));
  const process_ = spawn(process.execPath, [script, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  });
  t.after(() => process_.kill('SIGKILL'));
  const lines: string[] = [];
  let read = 0;
  let wake = (): void => {};
  const reader = createInterface({ input: process_.stdout! });
  reader.on('line', (line) => {
    lines.push(line);
    wake();
  });
  let ended = false;
  const closed = new Promise<void>((resolve) => {
    reader.on('close', () => {
      ended = true;
      wake();
      resolve();
    });
  });
  return {
    process: process_,
    lines,
    closed,
    async line() {
      while (lines.length <= read && !ended) await new Promise<void>((resolve) => (wake = resolve));
      return lines[read++] ?? '(the process ended)';
    },
  };
}
