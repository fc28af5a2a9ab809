/** What the page does when an episode is opened: counted, since times say little on a shared machine. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lab } from '../../lab/lab.ts';
import { temporaryFolder } from '../support/project.ts';
import { tinyRun } from '../support/tiny-run.ts';
import { openWindow, unchanging } from '../support/window.ts';

/** Of React's tree, as much as is needed to see who was drawn. */
interface Fiber {
  readonly type: unknown;
  readonly flags: number;
  readonly child: Fiber | null;
  readonly sibling: Fiber | null;
  readonly alternate: Fiber | null;
}

interface Counted {
  /** How often each named component was drawn since it was last emptied. */
  drawn: Record<string, number>;
  /** What kinds of binary messages came. */
  kinds: Record<string, number>;
  __REACT_DEVTOOLS_GLOBAL_HOOK__: object;
}

test('an episode that is opened draws the two rows that change and what is written of it, and no menu, choice or button that says the same as before', {
  timeout: 240_000,
}, async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const before = new Lab({ project, device: 'kernel' });
  await before.finished(before.start(tinyRun({ steps: 2048 }), 1).id);
  await before.close();

  const { page, url, mistakes } = await openWindow(t, { name: 'opening', project });
  await page.addInitScript(() => {
    const counted = globalThis as unknown as Counted;
    counted.drawn = {};
    counted.kinds = {};
    // Mantine names its components, also in a bundle where ours have lost their names.
    const nameOf = ({ type }: Fiber): string | undefined =>
      (type as { displayName?: string } | null)?.displayName?.replace('@mantine/core/', '');
    const performedWork = 1;
    const count = (fiber: Fiber): void => {
      const name = nameOf(fiber);
      if (name !== undefined) counted.drawn[name] = (counted.drawn[name] ?? 0) + 1;
    };
    // A part whose children are those of the commit before was not gone through in this one.
    const walk = (fiber: Fiber): void => {
      if (fiber.alternate === null || (fiber.flags & performedWork) !== 0) count(fiber);
      if (fiber.child === fiber.alternate?.child) return;
      for (let child = fiber.child; child; child = child.sibling) walk(child);
    };
    counted.__REACT_DEVTOOLS_GLOBAL_HOOK__ = {
      supportsFiber: true,
      inject: () => 1,
      onCommitFiberUnmount: () => undefined,
      onCommitFiberRoot: (_id: number, { current }: { current: Fiber }) => walk(current),
    };
    const { addEventListener } = WebSocket.prototype;
    WebSocket.prototype.addEventListener = function (this: WebSocket, ...args: unknown[]) {
      const [type, listener] = args as [string, (event: Event) => void];
      if (type === 'message')
        Reflect.apply(addEventListener, this, [
          type,
          ({ data }: MessageEvent<unknown>) => {
            const kind = typeof data === 'string' ? 'text' : (data as object).constructor.name;
            counted.kinds[kind] = (counted.kinds[kind] ?? 0) + 1;
          },
        ]);
      Reflect.apply(addEventListener, this, [type, listener]);
    } as typeof addEventListener;
  });
  await page.goto(url);
  const rows = page.getByTestId('episode-row');
  await rows.nth(4).waitFor();
  await page.locator('[data-testid=stage-a][data-episode]').waitFor();
  // What comes after the first picture has come.
  await page.locator('[data-testid=thumbnail][data-state=drawn]').first().waitFor();

  const opened = async (n: number): Promise<Record<string, number>> => {
    const id = await rows.nth(n).getAttribute('data-episode');
    await unchanging(page.locator('body'));
    await page.evaluate(() => {
      (globalThis as unknown as Counted).drawn = {};
    });
    // Not by the mouse, which would light up what it passes.
    await rows.nth(n).evaluate((row) => (row as HTMLElement).click());
    await page.locator(`[data-testid=stage-a][data-episode="${id}"]`).waitFor();
    assert.match((await page.locator('.stage-facts').textContent()) ?? '', new RegExp(`episode.*${id}`));
    return page.evaluate(() => (globalThis as unknown as Counted).drawn);
  };
  // The first one brings the buttons for the episode of the cursor.
  await opened(1);
  const drawn = await opened(2);
  assert.ok((drawn['Text'] ?? 0) > 0, `the counting counts: ${JSON.stringify(drawn)}`);
  for (const name of ['Select', 'Combobox', 'Menu', 'SegmentedControl', 'TextInput'])
    assert.equal(drawn[name] ?? 0, 0, `${name}: ${JSON.stringify(drawn)}`);
  // Star, tags and trash say which episode they are for; two rows change which of them Tab comes to; what its end is may be new.
  assert.ok((drawn['Tooltip'] ?? 0) <= 6, `tooltips: ${JSON.stringify(drawn)}`);
  assert.ok((drawn['Box'] ?? 0) <= 30, `parts of the library: ${JSON.stringify(drawn)}`);

  const kinds = await page.evaluate(() => (globalThis as unknown as Counted).kinds);
  if (process.env['REWARD_LAB_TRANSPORT'] !== 'port')
    // Text alone: forms with bytes in them are taken apart in another process.
    assert.deepEqual(Object.keys(kinds), ['text'], JSON.stringify(kinds));
  assert.deepEqual(mistakes, []);
});
