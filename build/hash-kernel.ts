/** `node build/hash-kernel.ts [--check]`: compiles sim/engine/kernel/hash.as to WebAssembly and writes `sim/engine/kernel/hash-module.ts`. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble, fingerprintOf, writeModule } from './assembly.ts';
import { root } from './renderer.ts';

const target = 'sim/engine/kernel/hash-module.ts';

export const assemblyScript = (): string => readFileSync(join(root, 'sim/engine/kernel/hash.as'), 'utf8');

if (import.meta.main) {
  const source = assemblyScript();
  const bytes = await assemble(source, ['-O3', '--converge', '--initialMemory', '1', '--enable', 'simd']);
  const text = `/** Made by build/hash-kernel.ts from hash.as; do not edit. */

/** Of the text that it was compiled from. */
export const sourceHash = '${fingerprintOf(source)}';
export const wasm =
  '${Buffer.from(bytes).toString('base64')}';
`;
  writeModule(target, text, 'hash-kernel.ts', `${bytes.length} bytes`);
}
