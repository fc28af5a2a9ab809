import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type HostProcess, Keeper, type KeeperOptions } from '../../electron/keeper.ts';
import type { Notice, ToHost } from '../../electron/messages.ts';

class FakeHost extends EventEmitter implements HostProcess<string> {
  readonly got: [ToHost, string[]?][] = [];
  killed = false;
  readonly project: string | null;
  constructor(project: string | null) {
    super();
    this.project = project;
  }
  postMessage(message: ToHost, ports?: string[]): void {
    this.got.push(ports ? [message, ports] : [message]);
  }
  kill(): boolean {
    this.killed = true;
    return true;
  }
  ready(): void {
    this.emit('message', { type: 'ready', project: this.project ?? 'default' });
  }
}

function keeperWithFakes(options: Partial<KeeperOptions<string>> = {}) {
  const hosts: FakeHost[] = [];
  const notices: Notice[] = [];
  const opened: string[] = [];
  const keeper = new Keeper<string>({
    fork: (project) => {
      const host = new FakeHost(project);
      hosts.push(host);
      return host;
    },
    project: null,
    onReady: (project) => opened.push(project),
    onNotice: (notice) => notices.push(notice),
    restartMs: 1,
    ...options,
  });
  keeper.start();
  return { keeper, hosts, notices, opened };
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15));

test('ports that come before the host is ready wait for it', () => {
  const { keeper, hosts, opened } = keeperWithFakes();
  keeper.connect('first');
  assert.deepEqual(hosts[0]!.got, []);
  hosts[0]!.ready();
  keeper.connect('second');
  assert.deepEqual(hosts[0]!.got, [
    [{ type: 'port' }, ['first']],
    [{ type: 'port' }, ['second']],
  ]);
  assert.deepEqual([keeper.state, opened], ['ready', ['default']]);
});

test('a host that crashes is started again, with a word to the window', async () => {
  const { keeper, hosts, notices } = keeperWithFakes();
  hosts[0]!.ready();
  hosts[0]!.emit('exit', 134);
  keeper.connect('asked again');
  await soon();
  assert.equal(hosts.length, 2);
  hosts[1]!.ready();
  assert.deepEqual(hosts[1]!.got, [[{ type: 'port' }, ['asked again']]]);
  assert.equal(notices.length, 1);
  assert.match(notices[0]!.text, /ended unexpectedly \(code 134\) and is being started again/);
});

test('a host that keeps crashing is left alone until the window asks again', async () => {
  const { keeper, hosts, notices } = keeperWithFakes({ mostCrashes: 3 });
  for (let i = 0; i < 3; i++) {
    hosts[i]!.emit('exit', 1);
    await soon();
  }
  assert.deepEqual([hosts.length, keeper.state], [3, 'crashed']);
  assert.match(notices.at(-1)!.text, /ended 3 times in a row/);
  keeper.connect('retry');
  assert.deepEqual([hosts.length, keeper.state], [4, 'starting']);
});

test('crashes far apart do not add up', async () => {
  let now = 0;
  const { keeper, hosts } = keeperWithFakes({ mostCrashes: 2, crashWindowMs: 1000, now: () => now });
  for (let i = 0; i < 5; i++) {
    hosts[i]!.emit('exit', 1);
    now += 2000;
    await soon();
  }
  assert.deepEqual([hosts.length, keeper.state], [6, 'starting']);
});

test('a project that is refused is said and not tried again', async () => {
  const { keeper, hosts, notices } = keeperWithFakes();
  hosts[0]!.emit('message', { type: 'refused', message: 'another process has it open' });
  hosts[0]!.emit('exit', 0);
  await soon();
  assert.deepEqual([hosts.length, keeper.state], [1, 'refused']);
  assert.deepEqual(notices, [{ level: 'error', text: 'another process has it open' }]);
});

test('quitting waits until the host has stopped, and asks it once', async () => {
  const { keeper, hosts, notices } = keeperWithFakes();
  hosts[0]!.ready();
  let stopped = 0;
  const both = [keeper.stop(), keeper.stop()].map((promise) => promise.then(() => stopped++));
  await soon();
  assert.deepEqual([stopped, hosts[0]!.got], [0, [[{ type: 'stop' }]]]);
  hosts[0]!.emit('exit', 0);
  await Promise.all(both);
  assert.deepEqual([stopped, keeper.state, hosts[0]!.killed, notices], [2, 'stopped', false, []]);
});

test('a host that does not stop in time is killed', async () => {
  const { keeper, hosts, notices } = keeperWithFakes({ stopMs: 20 });
  hosts[0]!.ready();
  await keeper.stop();
  assert.equal(hosts[0]!.killed, true);
  assert.match(notices[0]!.text, /did not stop in time/);
});

test('quitting between a crash and the next start starts nothing', async () => {
  const { keeper, hosts } = keeperWithFakes({ restartMs: 5 });
  hosts[0]!.ready();
  hosts[0]!.emit('exit', 1);
  await keeper.stop();
  await soon();
  assert.deepEqual([hosts.length, keeper.state], [1, 'stopped']);
});

test('another project is opened by a new host after the old one has stopped', async () => {
  const { keeper, hosts, opened } = keeperWithFakes();
  hosts[0]!.ready();
  const moved = keeper.open('/work/other');
  await soon();
  assert.equal(hosts.length, 1);
  hosts[0]!.emit('exit', 0);
  await moved;
  assert.equal(hosts[1]!.project, '/work/other');
  hosts[1]!.ready();
  assert.deepEqual(opened, ['default', '/work/other']);
});
