import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelCard } from '../../lab/model-card.ts';
import { openStore } from '../../store/index.ts';
import { lab } from '../support/lab.ts';
import { modelServer } from '../support/model-server.ts';
import { temporaryFolder } from '../support/project.ts';

for (const kind of ['openai', 'ollama'] as const) {
  test(`a reward model is fitted by the answers of the endpoint of the project: ${kind}`, async (t) => {
    const server = await modelServer(() => 'hand 6 8 2\nthing 8 8 2\nthing 10.5 8 2');
    t.after(() => server.close());
    const folder = temporaryFolder(t);
    const project = ['--project', folder];
    const done = async (...args: string[]) => {
      const { status, stdout, stderr } = await lab(...args, ...project);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    const url = kind === 'openai' ? `${server.address}/v1` : server.address;
    const fields = [`kind=${kind}`, `url=${url}`, 'model=eye', 'perMinute=100000', 'inputPrice=2'];
    await done('endpoint', ...fields.flatMap((field) => ['--set', field]));
    await done('collect', '--task', 'push', '--episodes', '3');
    const fit = ['fit', '--from', '1', '--method', 'waypoints', '--set', 'from=endpoint'];
    await done(...fit);
    assert.equal(server.seen.length, 1);
    const sent = JSON.stringify(server.seen[0]!.body);
    assert.match(sent, /16 x 16 cells/);
    assert.match(sent, /iVBORw0KGgo/);

    const card = JSON.parse(await done('model', '1', '--json')) as ModelCard;
    assert.deepEqual(card.senses, ['objects']);
    assert.match(card.learnedFrom!, new RegExp(`^${kind} eye at ${url}: hand 6 8 2`));
    assert.deepEqual([card.fit.metrics['waypoints/hand'], card.fit.metrics['waypoints/thing']], [1, 2]);
    assert.match(await done('model', '1'), /asked +\w+ eye at/);

    // The same fit again asks nobody, and gives the same model.
    await done(...fit);
    assert.equal(server.seen.length, 1);
    const again = JSON.parse(await done('model', '2', '--json')) as ModelCard;
    assert.equal(again.hash, card.hash);
    const store = openStore(folder);
    t.after(() => store.close());
    const said = [2, 3].map((run) =>
      store.alerts
        .of(run)
        .map(({ message }) => message)
        .join(),
    );
    assert.match(said[0]!, /1 answers \(0 more were known\), 100 \+ 20 tokens, cost 0.0002/);
    assert.match(said[1]!, /0 answers \(1 more were known\), 0 \+ 0 tokens, cost 0/);
  });
}

test('an endpoint that answers amiss ends the fit with the words that say so', async (t) => {
  const server = await modelServer(() => 'Over there!');
  t.after(() => server.close());
  const project = ['--project', temporaryFolder(t)];
  const url = `${server.address}/v1`;
  for (const args of [
    ['endpoint', '--set', 'kind=openai', '--set', `url=${url}`, '--set', 'model=eye'],
    ['collect', '--task', 'push', '--episodes', '2'],
  ])
    assert.equal((await lab(...args, ...project)).status, 0);
  const { status, stderr } = await lab(
    ...['fit', '--from', '1', '--method', 'waypoints', '--set', 'from=endpoint', ...project],
  );
  assert.equal(status, 1);
  assert.match(stderr, /openai eye at .* on episode .*: answered "Over there!", wanted lines like/);
});
