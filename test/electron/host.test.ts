import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { HostedLab } from '../../electron/host.ts';
import { runHost } from '../../electron/host.ts';

/** Stands for `process.parentPort` and the ports that come with its messages. */
class FakeParent extends EventEmitter {
  readonly told: unknown[] = [];
  postMessage(message: unknown): void {
    this.told.push(message);
  }
  send(data: unknown, ports: unknown[] = []): void {
    this.emit('message', { data, ports });
  }
}

class FakePort {
  closed = false;
  close(): void {
    this.closed = true;
  }
}

function host(open: () => HostedLab | Promise<HostedLab>) {
  const parent = new FakeParent();
  const codes: number[] = [];
  const running = runHost({
    parent: parent as never,
    project: '/p',
    open,
    exit: (code) => codes.push(code),
  });
  return { parent, codes, running };
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test('the host opens the project, says so, and serves each port it gets', async () => {
  const attached: unknown[] = [];
  const { parent, running } = host(() => ({
    attach: (port) => attached.push(port),
    close: async () => undefined,
  }));
  await running;
  assert.deepEqual(parent.told, [{ type: 'ready', project: '/p' }]);
  const port = new FakePort();
  parent.send({ type: 'port' }, [port]);
  assert.deepEqual([attached, port.closed], [[port], false]);
});

test('a project that cannot be opened is refused in words, and ports are closed', async () => {
  const { parent, codes, running } = host(() => {
    throw new Error('the folder is read-only');
  });
  await running;
  assert.deepEqual(parent.told, [{ type: 'refused', message: 'the folder is read-only' }]);
  const port = new FakePort();
  parent.send({ type: 'port' }, [port]);
  assert.deepEqual([port.closed, codes], [true, []]);
});

test('told to stop, the host closes the lab before it ends, once', async () => {
  const order: string[] = [];
  const { parent, codes, running } = host(() => ({
    attach: () => order.push('attached'),
    close: async () => {
      await soon();
      order.push('closed');
    },
  }));
  await running;
  parent.send({ type: 'stop' });
  parent.send({ type: 'stop' });
  const late = new FakePort();
  parent.send({ type: 'port' }, [late]);
  assert.deepEqual(codes, []);
  await soon();
  await soon();
  assert.deepEqual([order, codes, late.closed], [['closed'], [0], true]);
});

test('a lab that does not close cleanly ends with 1', async () => {
  const { parent, codes, running } = host(() => ({
    attach: () => undefined,
    close: () => Promise.reject(new Error('disk is full')),
  }));
  await running;
  parent.send({ type: 'stop' });
  await soon();
  assert.deepEqual(codes, [1]);
});
