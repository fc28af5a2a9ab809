/** Monitors inside real runs: what stops a run, what is said once, and what a resumed run says. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { Lab } from '../../lab/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

test('a run whose every episode diverges ends, names the term, and has said it once', (t) => {
  const project = join(temporaryFolder(t), 'project');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...[
        '--import',
        at('./broken-reward.ts'),
        at('../../lab/cli.ts'),
        'train',
        '--project',
        project,
        '--json',
      ],
      ...['--task', 'reach', '--algorithm', 'ppo', '--reward', 'dense', '--device', 'kernel'],
      ...[
        'steps=1000000',
        'worlds=8',
        'stepsPerWorld=128',
        'minibatch=256',
        'epochs=1',
        'record=none',
      ].flatMap((set) => ['--set', set]),
    ],
    { encoding: 'utf8', env: { ...process.env, BROKEN_FROM: '5' } },
  );
  assert.equal(status, 1, stderr);
  const { error, steps } = JSON.parse(stdout) as { error: string; steps: number };
  assert.match(
    error,
    /^Every episode diverges \(the last \d+ of them, up to step 10240\).*Not finite: reward term task\/toGoal; `lab history <episode>`/,
  );
  assert.equal(steps, 0, 'no checkpoint was due');
  const lab = new Lab({ project, mode: 'read' });
  t.after(() => lab.close());
  const messages = lab.run(1).alerts.map(({ level, message }) => `${level}: ${message}`);
  assert.equal(messages.length, 2, messages.join('\n'));
  assert.match(
    messages[0]!,
    /^warning: reward term task\/toGoal \(NaN\) in world \d; the episode ended as diverged$/,
  );
  assert.match(
    messages[1]!,
    /^warning: 100 % of the episodes diverge\. Not finite: reward term task\/toGoal/,
  );
  assert.ok(lab.episodes({ runId: 1 }).items.every(({ ending }) => ending === 'diverged'));
});

/** A learning rate that is far too high: the policy jumps about. */
const wild = () => {
  const tiny = tinyRecipe({ reward: [{ reward: 'dense' }] });
  return {
    ...tiny,
    algorithmSettings: {
      ...tiny.algorithmSettings,
      steps: 12_288,
      learningRate: 0.1,
      maxGradNorm: 1000,
      targetKl: 0,
    },
    experiment: { ...tiny.experiment, checkpointEvery: 3000, evaluationEpisodes: 2 },
  };
};

test('a run that was killed behind its checkpoint says what an uninterrupted one says, each once', async (t) => {
  const alertsOf = (lab: Lab, id: number) =>
    lab.store.alerts.of(id).map(({ level, message, step }) => ({ level, message, step }));
  const project = temporaryFolder(t);
  let lab = new Lab({ project, device: 'kernel' });
  t.after(() => lab.close());
  const whole = lab.start(wild(), 3).id;
  await lab.finished(whole);
  const wanted = alertsOf(lab, whole);
  assert.match(wanted.map(({ message }) => message).join(), /One update moved the policy by [\d.]+ nats/);

  const { id } = lab.start(wild(), 3);
  assert.equal((await lab.finished(id)).status, 'done');
  // Back to a checkpoint behind the alert, then to the start of all, with everything that was said still there.
  for (const kept of [1, 0]) {
    await lab.close();
    const db = new Database(join(project, 'lab.db'));
    db.exec(`DELETE FROM lineage;
      DELETE FROM checkpoints WHERE run_id = ${id}
        AND id NOT IN (SELECT id FROM checkpoints WHERE run_id = ${id} ORDER BY id LIMIT ${kept});
      UPDATE runs SET status = 'paused' WHERE id = ${id}`);
    db.close();
    lab = new Lab({ project, device: 'kernel' });
    const from = lab.store.checkpoints.latest(id)?.step ?? 0;
    assert.equal(from > wanted[0]!.step!, kept === 1);
    lab.resume(id);
    const run = await lab.finished(id);
    assert.equal(run.status, 'done', run.error ?? '');
    assert.deepEqual(alertsOf(lab, id), wanted, `from step ${from}`);
  }
});
