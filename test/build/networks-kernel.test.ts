/** learn/tensor/kernel/module.ts is made from kernel.as, which has its addresses in common with layout.ts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprintOf } from '../../build/assembly.ts';
import { assemblyScript } from '../../build/networks-kernel.ts';
import * as layout from '../../learn/tensor/kernel/layout.ts';
import { plainWasm, relaxedWasm, sourceHash } from '../../learn/tensor/kernel/module.ts';

test('the compiled networks kernel was made from its source as it is now (else: node build/networks-kernel.ts)', () => {
  assert.equal(sourceHash, fingerprintOf(assemblyScript()));
});

test('only one of the two builds asks for relaxed SIMD', () => {
  // f32x4.relaxed_madd is fd 85 02 in the binary format.
  const has = (wasm: string): boolean => Buffer.from(wasm, 'base64').includes(Buffer.of(0xfd, 0x85, 0x02));
  assert.deepEqual([has(relaxedWasm), has(plainWasm)], [true, false]);
  assert.ok(WebAssembly.validate(Buffer.from(plainWasm, 'base64')));
});

test('source and host agree where things are', () => {
  const text = assemblyScript();
  const inSource = (name: string): number => {
    const value = new RegExp(`^const ${name}: \\w+ = ([\\d *+]+);`, 'm').exec(text)![1]!;
    return value
      .split('+')
      .map((product) => product.split('*').reduce((a, b) => a * Number(b), 1))
      .reduce((a, b) => a + b);
  };
  const { blockRows, panelBytes, doneAt, failedAt, threadsAt, patienceAt, doorsAt } = layout;
  const shared = { blockRows, panelBytes, doneAt, failedAt, threadsAt, patienceAt, doorsAt };
  for (const [name, value] of Object.entries(shared)) assert.equal(inSource(name), value, name);
  assert.equal(layout.doorsAt + 64 * layout.mostThreads, inSource('zerosAt'));
  assert.ok(inSource('constantsAt') + 16 * 20 <= layout.firstByte);
});
