import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricHelp } from '../../lab/docs.ts';
import { explain, linkOf } from '../../renderer/state/docs.ts';

test('a metric is explained by the page of its algorithm before the general one, and by a pattern last', () => {
  const metrics = metricHelp();
  assert.equal(explain(metrics, 'loss/value')?.page, 'metrics.md');
  assert.equal(explain(metrics, 'loss/value', 'ppo')?.page, 'algorithms/ppo.md');
  assert.equal(explain(metrics, 'reward/shaping/sarm')?.name, 'reward/<term>');
  assert.equal(explain(metrics, 'no/such'), undefined);
  assert.equal(explain(metrics, 'win/taggers/scripted-100')?.page, 'self-play.md');
  assert.equal(explain(metrics, 'rollout/won/taggers')?.name, 'rollout/won/<side>');
  assert.equal(explain(metrics, 'policy/kl/taggers', 'ppo'), explain(metrics, 'policy/kl', 'ppo'));
  assert.equal(explain(metrics, 'no/such/thing'), undefined);
});

test('links lead to pages, places and out of the window, and nowhere for source files', () => {
  assert.deepEqual(linkOf('rewards/sarm.md', '../eval-reward.md#tables'), {
    type: 'page',
    path: 'eval-reward.md',
  });
  assert.deepEqual(linkOf('window.md', 'algorithms/ppo.md'), { type: 'page', path: 'algorithms/ppo.md' });
  assert.deepEqual(linkOf('window.md', '#keys'), { type: 'anchor', id: 'keys' });
  assert.deepEqual(linkOf('window.md', '../lab/api.ts'), { type: 'none' });
  assert.deepEqual(linkOf('window.md', 'https://example.org'), {
    type: 'outside',
    url: 'https://example.org',
  });
});
