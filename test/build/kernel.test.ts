/** sim/engine/kernel/module.ts is made from the solver's own text. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemblyScript, hashOf } from '../../build/kernel.ts';
import { sourceHash } from '../../sim/engine/kernel/module.ts';

test('the compiled kernel was made from the sources as they are now (else: node build/kernel.ts)', () => {
  assert.equal(sourceHash, hashOf(assemblyScript()));
});
