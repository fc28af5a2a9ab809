import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprintOf } from '../../build/assembly.ts';
import { assemblyScript } from '../../build/hash-kernel.ts';
import { sourceHash, wasm } from '../../sim/engine/kernel/hash-module.ts';

test('the compiled hash kernel was made from its source as it is now (else: node build/hash-kernel.ts)', () => {
  assert.equal(sourceHash, fingerprintOf(assemblyScript()));
  assert.ok(WebAssembly.validate(Buffer.from(wasm, 'base64')));
});
