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
/** Without the loops over many sizes: every new size has its shaders compiled, which takes minutes in software. */
const chosen = 'share inputs|without parameters|worked by hand|not finite|tanh saturates|a blend|refused';
const imported = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

/** The software Vulkan device that comes with the tests' browser; the one GPU every Linux machine has. */
test('WebGPU on a software device is opened when asked for and keeps the contract of computes', {
  skip: canRun ? false : 'needs the software Vulkan device of the Linux x64 test browser',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-vulkan-'));
  try {
    const tar = join(folder, 'swiftshader.tar');
    writeFileSync(tar, brotliDecompressSync(readFileSync(archive)));
    assert.equal(spawnSync('tar', ['-xf', tar, '-C', folder]).status, 0);
    const script = `
      import { openDevice } from ${imported('../../../learn/tensor/open.ts')};
      import { tfjsCompute } from ${imported('../../../learn/tensor/tfjs.ts')};
      import { checkCompute } from ${imported('./contract.ts')};
      const device = await openDevice('webgpu');
      console.log(device.reason);
      checkCompute('webgpu', () => tfjsCompute(device), { coarseTanh: true });
    `;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [`--test-name-pattern=${chosen}`, '--input-type=module-typescript', '-e', script],
      {
        encoding: 'utf8',
        timeout: 120_000,
        env: {
          ...process.env,
          NODE_TEST_CONTEXT: '',
          LD_LIBRARY_PATH: folder,
          VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
        },
      },
    );
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^\S* ?pass 7$/m);
    assert.match(stdout, /WebGPU on the software adapter .*swiftshader/i);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
