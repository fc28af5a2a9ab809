import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

const archive = fileURLToPath(
  new URL('../../../node_modules/@sparticuz/chromium/bin/swiftshader.tar.br', import.meta.url),
);
const canRun = process.platform === 'linux' && process.arch === 'x64' && existsSync(archive);

/** The software Vulkan device that comes with the tests' browser; the one GPU every Linux machine has. */
test('WebGPU on a software device is opened when asked for, and PPO learns the same there as on wasm', {
  skip: canRun ? false : 'needs the software Vulkan device of the Linux x64 test browser',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-vulkan-'));
  try {
    const tar = join(folder, 'swiftshader.tar');
    writeFileSync(tar, brotliDecompressSync(readFileSync(archive)));
    assert.equal(spawnSync('tar', ['-xf', tar, '-C', folder]).status, 0);
    const script = `
      import { openDevice } from '${new URL('../../../learn/tensor/open.ts', import.meta.url)}';
      import { ppo } from '${new URL('../../../learn/algorithms/ppo.ts', import.meta.url)}';
      import { PointEnv } from '${new URL('../algorithms/point-env.ts', import.meta.url)}';
      const settings = { worlds: 4, stepsPerWorld: 16, minibatch: 32, hiddenSize: 8, epochs: 2, targetKl: 0 };
      const found = {};
      for (const name of ['webgpu', 'wasm']) {
        const device = await openDevice(name);
        const env = new PointEnv(4, 7, 2);
        const learner = ppo.create(settings, { observationDim: 2, actionDim: 2, count: 4, device, seed: 1 });
        const before = device.tf.memory().numTensors;
        const metrics = await learner.iterate(env);
        found[name] = { reason: device.reason, metrics, left: device.tf.memory().numTensors - before };
      }
      console.log(JSON.stringify(found));
    `;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module-typescript', '-e', script],
      {
        encoding: 'utf8',
        timeout: 60_000,
        env: {
          ...process.env,
          LD_LIBRARY_PATH: folder,
          VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
        },
      },
    );
    assert.equal(status, 0, stderr);
    const { webgpu, wasm } = JSON.parse(stdout) as Record<
      string,
      { reason: string; metrics: Record<string, number>; left: number }
    >;
    assert.match(webgpu!.reason, /WebGPU on the software adapter .*swiftshader/i);
    assert.equal(webgpu!.left, 0);
    for (const [name, value] of Object.entries(wasm!.metrics)) {
      assert.ok(
        Math.abs(value - webgpu!.metrics[name]!) < 1e-3,
        `${name}: ${value} ${webgpu!.metrics[name]}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
