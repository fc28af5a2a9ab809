/** The same calls over both transports, and what the web door refuses. */

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { createORPCClient } from '@orpc/client';
import { RPCLink as PortLink } from '@orpc/client/message-port';
import { RPCLink as SocketLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { WebSocket } from 'ws';
import type { LabContract } from '../../lab/api.ts';
import { carriedBytes } from '../../lab/carry.ts';
import { mostMessageBytes } from '../../lab/door.ts';
import { openLab } from '../../lab/host.ts';
import { Lab } from '../../lab/lab.ts';
import { joinStill, unpack } from '../../lab/pack.ts';
import { type Served, serve } from '../../lab/serve.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

type Client = ContractRouterClient<LabContract>;

function rendererIn(folder: string): string {
  const rendererDir = join(folder, 'window');
  mkdirSync(rendererDir);
  writeFileSync(join(rendererDir, 'index.html'), '<!doctype html><title>Reward Lab</title>');
  return rendererDir;
}

async function served(t: TestContext): Promise<{ lab: Lab; door: Served }> {
  const folder = temporaryFolder(t);
  const lab = new Lab({ project: join(folder, 'project'), device: 'wasm' });
  const door = await serve({ lab, rendererDir: rendererIn(folder) });
  t.after(async () => {
    await door.close();
    await lab.close();
  });
  return { lab, door };
}

function socketClient(door: Served, t: TestContext): Client {
  const socket = new WebSocket(`ws://127.0.0.1:${door.port}/api?token=${door.token}`);
  t.after(() => socket.terminate());
  return createORPCClient(
    new SocketLink({
      websocket: socket as unknown as globalThis.WebSocket,
      customJsonSerializers: [carriedBytes],
    }),
  );
}

const transports: Record<string, (t: TestContext) => Promise<Client>> = {
  WebSocket: async (t) => socketClient((await served(t)).door, t),
  MessagePort: async (t) => {
    const opened = openLab({ project: join(temporaryFolder(t), 'project'), device: 'wasm' });
    const { port1, port2 } = new MessageChannel();
    opened.attach(port1);
    t.after(async () => {
      port2.close();
      await opened.close();
    });
    const client: Client = createORPCClient(
      new PortLink({ port: port2 as never, customJsonSerializers: [carriedBytes] }),
    );
    port2.start();
    return client;
  },
};

for (const [name, connect] of Object.entries(transports)) {
  test(`over ${name} a window finds the catalog, starts a run, watches it, and opens an episode`, async (t) => {
    const client = await connect(t);
    const info = await client.app.info();
    assert.equal(info.device.name, 'wasm');
    const catalog = await client.catalog();
    assert.deepEqual(
      catalog.tasks.map((task) => task.id),
      Object.keys(tasks),
    );

    const { id } = await client.runs.start({
      recipe: tinyRecipe({ reward: [{ reward: 'sparse' }] }),
      seed: 1,
    });
    const seen = new Set<string>();
    for (let cursor = 0; !seen.has('done'); ) {
      const news = await client.watch({ cursor, waitMs: 5000 });
      cursor = news.cursor;
      for (const event of news.events) {
        seen.add(event.type);
        if (event.type === 'run' && event.run.id === id) seen.add(event.run.status);
      }
      assert.ok(!seen.has('failed'));
    }
    for (const wanted of ['run', 'metrics', 'episode', 'running', 'done'])
      assert.ok(seen.has(wanted), wanted);

    const { items, total } = await client.episodes.list({ runId: id, kind: 'evaluation' });
    assert.equal(total, 10);
    const opened = await client.episodes.open({ id: items[0]!.id });
    const poses = joinStill(unpack(opened.data), 'poses', opened.episode.length + 1)!;
    assert.equal(poses.length, (opened.episode.length + 1) * opened.bodies.length * 7);
    assert.ok(poses.every(Number.isFinite));
    assert.equal((await client.episodes.verify({ id: items[0]!.id })).ok, true);

    const { names, data } = await client.runs.metrics({ id });
    assert.ok(names.includes('rollout/success'));
    assert.equal(unpack(data)['steps']!.length, unpack(data)[names[0]!]!.length);
  });

  test(`over ${name} bad input comes back as an error that names it, and the lab goes on`, async (t) => {
    const client = await connect(t);
    await assert.rejects(client.episodes.open({ id: 99 }), /99/);
    await assert.rejects(client.episodes.open({ id: -1 }), /Input validation failed/);
    await assert.rejects(
      client.runs.start({ recipe: tinyRecipe({ task: 'reech' }), seed: 0 }),
      /did you mean "reach"/,
    );
    await assert.rejects(client.runs.resume({ id: 5 }), /there is no run 5/);
    const checked = await client.recipes.check({ yaml: 'name: x\ntask: push\nalgorithm: ppo\nrewards: []' });
    assert.ok(!checked.ok && checked.problems.some((line) => /did you mean "reward"/.test(line)));
    assert.deepEqual(await client.runs.list(), []);
  });
}

/** Status of a plain request with these headers. */
function status(door: Served, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: door.port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

/** How a socket with these headers is answered: `open`, or the status it is refused with. */
function knock(door: Served, query: string, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${door.port}/api${query}`, { headers });
    socket.on('open', () => {
      socket.terminate();
      resolve('open');
    });
    socket.on('unexpected-response', (_request, response) => resolve(String(response.statusCode)));
    socket.on('error', () => undefined);
  });
}

test('the web door serves the window under a strict policy and nothing outside its folder', async (t) => {
  const { door } = await served(t);
  const page = await fetch(`http://127.0.0.1:${door.port}/`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'self'/);
  for (const path of [
    '/../package.json',
    '/%2e%2e/project/lab.db',
    '/%2e%2e%2fproject%2flab.db',
    '/nothing',
    '/%zz',
  ]) {
    assert.ok([400, 404].includes(await status(door, path, {})), path);
  }
});

test('the web door refuses a foreign host, a foreign origin and a wrong token', async (t) => {
  const { door } = await served(t);
  assert.equal(await status(door, '/', { host: 'evil.example' }), 403);
  const token = `?token=${door.token}`;
  assert.equal(await knock(door, token), 'open');
  assert.equal(await knock(door, token, { origin: `http://127.0.0.1:${door.port}` }), 'open');
  assert.equal(await knock(door, token, { origin: 'http://evil.example' }), '403');
  assert.equal(await knock(door, token, { host: 'evil.example' }), '403');
  assert.equal(await knock(door, ''), '401');
  assert.equal(await knock(door, `?token=${'0'.repeat(door.token.length)}`), '401');
});

test('malformed, oversized and untyped messages end that connection and nothing else', async (t) => {
  const { door } = await served(t);
  const sent: [unknown, number][] = [
    ['not json', 1007],
    ['{}', 1007],
    [Buffer.from([255, 0, 255, 1]), 1007],
    [JSON.stringify({ i: '1', p: 'x' }), 1007],
    ['x'.repeat(mostMessageBytes + 1), 1009],
  ];
  for (const [message, wanted] of sent) {
    const socket = new WebSocket(`ws://127.0.0.1:${door.port}/api?token=${door.token}`);
    await new Promise((resolve) => socket.once('open', resolve));
    const closed = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));
    socket.send(message as string);
    assert.equal(await closed, wanted, String(message).slice(0, 30));
  }
  const client = socketClient(door, t);
  assert.equal((await client.runs.list()).length, 0);
  // A call to an address that is not there is answered, not dropped.
  await assert.rejects(
    (client as unknown as { nothing: () => Promise<void> }).nothing(),
    /Not Found|NOT_FOUND/i,
  );
});

test('a malformed message on a MessagePort closes that port and nothing else', async (t) => {
  const opened = openLab({ project: join(temporaryFolder(t), 'project'), device: 'wasm' });
  t.after(() => opened.close());
  const { port1, port2 } = new MessageChannel();
  opened.attach(port1);
  const closed = new Promise<void>((resolve) => port2.once('close', () => resolve()));
  port2.postMessage({ nonsense: true });
  await closed;
  assert.deepEqual(opened.lab.runs(), []);
});

test('a window that vanishes in the middle of watching leaves the run alone', async (t) => {
  const { lab, door } = await served(t);
  const { id } = lab.start(tinyRecipe({ reward: [{ reward: 'sparse' }] }), 2);
  const socket = new WebSocket(`ws://127.0.0.1:${door.port}/api?token=${door.token}`);
  const client: Client = createORPCClient(
    new SocketLink({
      websocket: socket as unknown as globalThis.WebSocket,
      customJsonSerializers: [carriedBytes],
    }),
  );
  await client.watch({ cursor: 0 });
  const watching = client.watch({ cursor: 1_000_000_000 - 1, waitMs: 20_000 }).catch(() => 'gone');
  socket.terminate();
  await watching;
  assert.equal((await lab.finished(id)).status, 'done');
});
