/** `node build/hash-kernel.ts [--check]`: compiles sim/engine/kernel/hash.as to WebAssembly and writes `sim/engine/kernel/hash-module.ts`. */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble } from './assembly.ts';
import { root } from './renderer.ts';

const source = 'sim/engine/kernel/hash.as';
const target = 'sim/engine/kernel/hash-module.ts';

/** A fingerprint of the source, so that a stale module is found without compiling. */
export const fingerprint = (): string =>
  createHash('sha256')
    .update(readFileSync(join(root, source)))
    .digest('hex')
    .slice(0, 32);

if (import.meta.main) {
  const bytes = await assemble(readFileSync(join(root, source), 'utf8'), [
    ...['-O3', '--converge', '--initialMemory', '1', '--enable', 'simd'],
  ]);
  const text = `/** Made by build/hash-kernel.ts from hash.as; do not edit. */

/** Of the text that it was compiled from. */
export const sourceHash = '${fingerprint()}';
export const wasm =
  '${Buffer.from(bytes).toString('base64')}';
`;
  if (process.argv.includes('--check')) {
    if (readFileSync(join(root, target), 'utf8') !== text) {
      process.stderr.write(`${target} is not what its source compiles to: run node build/hash-kernel.ts\n`);
      process.exitCode = 1;
    }
  } else {
    writeFileSync(join(root, target), text);
    console.log(`${target}: ${bytes.length} bytes of WebAssembly`);
  }
}
