import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { DeviceName } from '../../../learn/tensor/device.ts';
import { deviceNames, openDevice } from '../../../learn/tensor/open.ts';

test('auto opens a device that computes and says why each earlier one was passed over', async () => {
  const device = await openDevice('auto');
  assert.ok(device.reason.length > 10);
  const position = deviceNames.indexOf(device.name);
  assert.deepEqual(
    device.passedOver.map(({ name }) => name),
    deviceNames.slice(0, position),
  );
  for (const { reason } of device.passedOver) assert.ok(reason.length > 10, reason);
  const { tf } = device;
  const sum = tf.tidy(() => tf.tensor1d([1, 2, 3]).sum().dataSync()[0]);
  assert.equal(sum, 6);
});

test('an explicit device is opened even when a better one would come first', async () => {
  for (const name of ['cpu', 'wasm'] as const) {
    const device = await openDevice(name);
    assert.deepEqual([device.name, device.tf.getBackend(), device.passedOver], [name, name, []]);
  }
});

test('an explicit device that is missing is an error that names it and the reason', async () => {
  for (const name of ['tfjs-node-gpu', 'webgpu'] as const) {
    try {
      assert.equal((await openDevice(name)).name, name);
    } catch (error) {
      assert.match((error as Error).message, new RegExp(`^Device ${name} is not available: .{10,}`));
    }
  }
  await assert.rejects(
    openDevice('abacus' as DeviceName),
    /Device abacus: unknown; wanted auto, tfjs-node-gpu, webgpu/,
  );
});

test('opening wasm prints nothing, leaves no crash handlers and lets the process end', () => {
  const script = `
    import { openDevice } from ${JSON.stringify(new URL('../../../learn/tensor/open.ts', import.meta.url).href)};
    const { tf } = await openDevice('wasm');
    tf.tidy(() => tf.ones([4, 4]).matMul(tf.ones([4, 4])).dataSync());
    const count = ['uncaughtException', 'unhandledRejection'].map((event) => process.listenerCount(event));
    if (count.some(Boolean)) throw new Error('handlers left: ' + count);
    const { tf: plain } = await openDevice('cpu');
    plain.tidy(() => plain.ones([4, 4]).matMul(plain.ones([4, 4])).dataSync());
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});
