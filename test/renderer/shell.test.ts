import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Shell as Exposed } from '../../electron/preload.ts';
import { type Shell, shellOf } from '../../renderer/shell.ts';

test('the shell of Electron is used where it is whole, and a browser has none', async () => {
  const heard: string[] = [];
  // The types hold the window and the preload script together.
  const exposed: Exposed = {
    chooseProject: () => Promise.resolve(),
    onNotice: (listener) => {
      listener({ level: 'info', text: 'restarted' });
      return () => undefined;
    },
  };
  const shell: Shell | null = shellOf({ rewardLab: exposed });
  shell?.onNotice(({ text }) => heard.push(text));
  await shell?.chooseProject();
  assert.deepEqual(heard, ['restarted']);
  assert.equal(shellOf({}), null);
  assert.equal(shellOf({ rewardLab: { chooseProject: 1 } }), null);
});
