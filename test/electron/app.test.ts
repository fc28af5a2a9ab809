import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import vm from 'node:vm';
import { writeApp } from '../../build/app.ts';
import { channels } from '../../electron/messages.ts';

const project = join(import.meta.dirname, '..', '..');

/** Calls `use` with a freshly written app; inside dist/, because it must find node_modules above itself. */
async function withApp(use: (app: string) => void | Promise<void>): Promise<void> {
  mkdirSync(join(project, 'dist'), { recursive: true });
  const app = mkdtempSync(join(project, 'dist', 'app-test-'));
  try {
    await writeApp(app);
    await use(app);
  } finally {
    rmSync(app, { recursive: true, force: true });
  }
}

test('the app is whole: JavaScript that parses, the lab runs from it without type stripping, the preload is one script', async () => {
  await withApp((app) => {
    const files = readdirSync(app, { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      files.filter((file) => /\.(ts|as)$/.test(file)),
      [],
    );
    const node = (...args: string[]) =>
      spawnSync(process.execPath, ['--no-strip-types', ...args], { encoding: 'utf8', cwd: app });
    for (const file of ['main.js', 'host-entry.js', 'host.js', 'keeper.js', 'ipc.js', 'security.js']) {
      assert.equal(node('--check', join(app, 'electron', file)).stderr, '', file);
    }
    // The same code, at the same place beside the same packages, as the host process loads.
    const { status, stdout, stderr } = node(join(app, 'lab', 'cli.js'), 'tasks', '--json');
    assert.equal(status, 0, stderr);
    const ids = JSON.stringify(JSON.parse(stdout));
    assert.match(ids, /"push"/);
    const bench = node(join(app, 'lab', 'cli.js'), 'bench', 'sim');
    assert.deepEqual(
      [bench.status, bench.stderr],
      [2, 'bench: measurements come with the source, not with the installed app\n'],
    );
    // Threads find their file in the app.
    writeFileSync(
      join(app, 'threads.js'),
      `import { openSharedBatch } from './lab/shared-batch.js';
      import { defaultsOf } from './sim/fields.js';
      import { tasks } from './sim/tasks/index.js';
      const settings = defaultsOf(tasks.cartpole.fields);
      const batch = await openSharedBatch({ task: 'cartpole', settings, count: 4, threads: 2 });
      batch.step(new Float64Array(4));
      console.log(batch.states[0], batch.states[3 * batch.model.stateDim]);
      await batch.close();`,
    );
    const threads = node(join(app, 'threads.js'));
    assert.deepEqual([threads.status, threads.stdout], [0, '1 1\n'], threads.stderr);
    writeFileSync(
      join(app, 'kernel.js'),
      `import { openKernel } from './learn/tensor/kernel/open.js';
      const kernel = await openKernel({ threads: 2 });
      const shape = { sizes: [1, 1], activation: 'tanh' };
      const nets = kernel.networks({ networks: [{ shape }], rows: 2, parameters: Float32Array.of(2, 1) });
      nets.inputs[0].set([3, 4]);
      nets.forward([0], 2);
      console.log(kernel.workers.length, nets.outputs[0].join());`,
    );
    const kernel = node(join(app, 'kernel.js'));
    assert.deepEqual([kernel.status, kernel.stdout], [0, '1 7,9\n'], kernel.stderr);
    runPreload(readFileSync(join(app, 'electron', 'preload.cjs'), 'utf8'));
  });
});

/** Runs the real preload with small stand-ins for what Electron and the page give it. */
function runPreload(code: string): void {
  const exposed = new Map<string, Record<string, unknown>>();
  const sent: unknown[][] = [];
  const posted: unknown[][] = [];
  const fromMain = new Map<string, (event: { ports: unknown[] }, ...args: unknown[]) => void>();
  let onMessage: (event: unknown) => void = () => undefined;
  const ipcRenderer = {
    send: (...message: unknown[]) => sent.push(message),
    invoke: async (...message: unknown[]) => void sent.push(message),
    on: (channel: string, listener: (event: { ports: unknown[] }, ...args: unknown[]) => void) =>
      fromMain.set(channel, listener),
    off: (channel: string) => fromMain.delete(channel),
  };
  const window = {
    location: { origin: 'app://lab' },
    addEventListener: (type: string, listener: (event: unknown) => void) => {
      if (type === 'message') onMessage = listener;
    },
    postMessage: (...message: unknown[]) => posted.push(message),
  };
  const contextBridge = {
    exposeInMainWorld: (name: string, api: Record<string, unknown>) => exposed.set(name, api),
  };
  vm.runInNewContext(code, {
    window,
    exports: {},
    module: { exports: {} },
    require: (name: string) => {
      assert.equal(name, 'electron', 'a sandboxed preload can load nothing else');
      return { contextBridge, ipcRenderer };
    },
  });

  // Named functions and nothing else: no ipcRenderer, no require.
  assert.deepEqual([...exposed.keys()], ['rewardLab']);
  const shell = exposed.get('rewardLab')!;
  assert.deepEqual(
    Object.entries(shell).map(([name, value]) => [name, typeof value]),
    [
      ['chooseProject', 'function'],
      ['onNotice', 'function'],
    ],
  );

  onMessage({ source: window, origin: 'https://example.org', data: { type: 'lab-port-wanted' } });
  assert.deepEqual(sent, []);
  onMessage({ source: window, origin: 'app://lab', data: { type: 'lab-port-wanted' } });
  assert.deepEqual(sent, [[channels.portWanted]]);

  const port = {};
  fromMain.get(channels.port)!({ ports: [port] });
  assert.equal(JSON.stringify(posted), JSON.stringify([[{ type: 'lab-port' }, 'app://lab', [port]]]));

  const heard: unknown[] = [];
  const stop = (shell['onNotice'] as (listener: (notice: unknown) => void) => () => void)((notice) =>
    heard.push(notice),
  );
  fromMain.get(channels.notice)!({ ports: [] }, { level: 'error', text: 'started again' });
  assert.deepEqual(heard, [{ level: 'error', text: 'started again' }]);
  stop();
  assert.equal(fromMain.has(channels.notice), false);
}
