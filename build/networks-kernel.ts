/**
 * `node build/networks-kernel.ts [--check]`: compiles learn/tensor/kernel/kernel.as to WebAssembly, once with relaxed SIMD and
 * once without, and writes `learn/tensor/kernel/module.ts`.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstByte, mostPages } from '../learn/tensor/kernel/layout.ts';
import { assemble, fingerprintOf, writeModule } from './assembly.ts';
import { root } from './renderer.ts';

const source = 'learn/tensor/kernel/kernel.as';
const target = 'learn/tensor/kernel/module.ts';

/**
 * tanh x = x P(u) / Q(u) with u = x^2 on 0 <= x <= end: Lawson's iteration (reweighted least squares) for the smallest
 * largest error, 1.5e-8 before rounding. Constant terms first.
 */
const tanh = {
  end: 8.8,
  above: [0.99999992411, 0.13386505019, 3.5023604433e-3, 2.0731049425e-5, 1.3544084418e-8],
  below: [1, 0.4671980841, 2.5902067153e-2, 3.2971625159e-4, 7.8497173938e-7],
};

/** Stores of the terms, the highest first, as AssemblyScript. */
const constants = (first: number, terms: readonly number[]): string =>
  [...terms]
    .reverse()
    .map((term, k) => `setConstant(${first + k}, ${term});`)
    .join('\n  ');

/** The AssemblyScript text: `#for n` ... `#end` written out n times with $k = 0 .. n - 1. */
export function assemblyScript(): string {
  return readFileSync(join(root, source), 'utf8')
    .replace(/^#for (\d+)\n([\s\S]*?)^#end\n/gm, (_, count: string, body: string) =>
      Array.from({ length: Number(count) }, (_, k) => body.replaceAll('$k', String(k))).join(''),
    )
    .replaceAll('TANH_END', String(tanh.end))
    .replace('TANH_CONSTANTS', `${constants(4, tanh.above)}\n  ${constants(10, tanh.below)}`);
}

async function compile(text: string, isRelaxed: boolean): Promise<string> {
  const bytes = await assemble(text, [
    ...[
      '--optimizeLevel',
      '0',
      '--sharedMemory',
      '--initialMemory',
      '1',
      '--maximumMemory',
      String(mostPages),
    ],
    ...['--memoryBase', String(firstByte), '--enable', 'simd', '--enable', 'threads'],
    ...(isRelaxed ? ['--enable', 'relaxed-simd'] : []),
  ]);
  return Buffer.from(bytes).toString('base64');
}

if (import.meta.main) {
  const text = assemblyScript();
  const relaxed = await compile(text, true);
  const plain = await compile(text, false);
  const module = `/** Made by build/networks-kernel.ts from kernel.as; do not edit. */

/** Of the text that it was compiled from. */
export const sourceHash = '${fingerprintOf(text)}';
/** With relaxed SIMD: fused multiply-add. */
export const relaxedWasm =
  '${relaxed}';
export const plainWasm =
  '${plain}';
`;
  writeModule(target, module, 'networks-kernel.ts', `2 x ${Math.round(0.75 * relaxed.length)} bytes`);
}
