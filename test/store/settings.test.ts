import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../../store/index.ts';
import { folder } from './support.ts';

test('a setting of the project is any JSON value, stays after closing, and can be taken out', (t) => {
  const directory = folder(t);
  const first = openStore(directory);
  assert.equal(first.settings.get('layouts'), undefined);
  first.settings.set('layouts', { wide: [1, null, 'x'] });
  first.settings.set('layouts', { wide: [2, null, 'x'] });
  first.close();
  const reader = openStore(directory, { mode: 'read' });
  assert.deepEqual(reader.settings.get('layouts'), { wide: [2, null, 'x'] });
  assert.throws(() => reader.settings.set('layouts', 1), { name: 'StoreReadOnlyError' });
  reader.close();
  const second = openStore(directory);
  second.settings.set('layouts', undefined);
  assert.equal(second.settings.get('layouts'), undefined);
  second.close();
});
