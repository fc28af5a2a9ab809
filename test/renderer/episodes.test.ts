/** The episode browser in a real browser: filter, columns, stars, tags, the trash, choosing many, quick picks. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lab } from '../../lab/lab.ts';
import { temporaryFolder } from '../support/project.ts';
import { tinyRun } from '../support/tiny-run.ts';
import { barriers, openWindow } from '../support/window.ts';

interface Watched {
  liveContexts(): number;
}

test('episodes are filtered, sorted, starred, tagged and put into the trash, by mouse and by keyboard, with undo', {
  timeout: 240_000,
}, async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const before = new Lab({ project, device: 'kernel' });
  await before.finished(before.start(tinyRun({ steps: 8192 }), 1).id);
  await before.close();

  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'episodes', project });
  page.setDefaultTimeout(60_000);
  // Counts the graphics contexts that were not given back.
  await page.addInitScript(() => {
    const made: WebGL2RenderingContext[] = [];
    const { getContext } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...args: unknown[]) {
      const context = Reflect.apply(getContext, this, args) as unknown;
      if (context instanceof WebGL2RenderingContext && !made.includes(context)) made.push(context);
      return context;
    } as typeof getContext;
    (globalThis as unknown as Watched).liveContexts = () =>
      made.filter((context) => !context.isContextLost()).length;
  });
  const step = async (title: string, part: () => Promise<void>): Promise<void> => {
    try {
      await part();
    } catch (cause) {
      await picture('failed');
      throw new Error(`Where ${title}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };
  const rows = page.getByTestId('episode-row');
  const grid = page.getByTestId('episode-grid');
  const box = page.getByTestId('episode-filter');
  const total = page.getByTestId('episode-total');
  const list = (query: Partial<Parameters<Lab['episodes']>[0]> = {}) =>
    lab.episodes({ trash: 'without', sort: 'id', descending: true, offset: 0, limit: 1000, ...query });
  const all = list().total;
  const idOf = async (n: number): Promise<number> => Number(await rows.nth(n).getAttribute('data-episode'));
  const says = (text: string) => total.filter({ hasText: new RegExp(`^${text}$`) }).waitFor();
  const episodes = (n: number): string => `${n.toLocaleString('en')} episodes?`;

  await step(
    'slash goes to the filter, a wrong field is named under it, a good one is answered by the lab',
    async () => {
      await page.goto(url);
      await rows.first().waitFor();
      await page.locator('.stage canvas, canvas').first().waitFor();
      await page.keyboard.press('/');
      await page.waitForFunction(
        () => document.activeElement?.getAttribute('aria-label') === 'Filter episodes',
      );
      await page.keyboard.type('lenght:>3');
      await page.getByTestId('episode-filter-error').getByText('did you mean length').waitFor();
      await picture('error');
      assert.deepEqual(await barriers(page), []);
      await box.fill('kind:evaluation');
      await says(episodes(list({ kind: 'evaluation' }).total));
      assert.equal(await page.getByTestId('episode-filter-error').count(), 0);
      await page.getByLabel('What can be filtered by').click();
      await page.getByRole('button', { name: 'jerk:>0' }).waitFor();
      await picture('help');
      assert.deepEqual(await barriers(page), []);
      await page.keyboard.press('Escape');
      await box.fill('');
      await says(episodes(all));
    },
  );

  await step(
    'each row has a picture of its own last frame, which runs through its frames when aimed at',
    async () => {
      const still = page.locator('[data-testid=thumbnail][data-state=drawn]');
      const pictureOf = (id: number) =>
        page.locator(`[data-testid=episode-row][data-episode="${id}"] [data-testid=thumbnail]`);
      const pixels = (id: number) =>
        pictureOf(id).evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
      const [one, other] = [await idOf(1), await idOf(2)];
      for (const id of [one, other]) await pictureOf(id).and(still).waitFor();
      assert.notEqual(await pixels(one), await pixels(other));
      const colours = await pictureOf(one).evaluate((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
        return new Set(new Uint32Array(data.buffer)).size;
      });
      assert.ok(colours > 100, `${colours} colours`);

      // It runs for those who did not ask their system for less motion.
      await page.emulateMedia({ reducedMotion: 'no-preference' });
      const last = await pixels(one);
      const first = page.locator('[data-testid=thumbnail][data-moment="0"]');
      await rows.nth(1).hover();
      await pictureOf(one).and(first).waitFor();
      assert.notEqual(await pixels(one), last);
      await pictureOf(one).and(page.locator('[data-moment="2"]')).waitFor();
      assert.equal(await pixels(one), last);
      await page.mouse.move(0, 0);
      await grid.focus();
      await page.keyboard.press('ArrowDown');
      await page.locator('[data-testid=episode-row][data-cursor]').and(rows.nth(0)).waitFor();
      await pictureOf(await idOf(0))
        .and(first)
        .waitFor();
      await picture('pictures');
      await page.emulateMedia({ reducedMotion: 'reduce' });
      assert.deepEqual(await barriers(page), []);

      // Off, its graphics context is given back; on, as much lies on the graphics card as before.
      const memory = (id: number) => pictureOf(id).getAttribute('data-memory');
      const contexts = () => page.evaluate(() => (globalThis as unknown as Watched).liveContexts());
      const before = { memory: await memory(other), contexts: await contexts() };
      const height = await rows.nth(0).evaluate((row) => row.clientHeight);
      await page.getByRole('button', { name: 'Columns' }).click();
      const box = page.getByRole('dialog', { name: 'Columns' }).getByLabel('Picture', { exact: true });
      await box.uncheck();
      await page.waitForFunction(
        (wanted) => (globalThis as unknown as Watched).liveContexts() === wanted,
        before.contexts - 1,
      );
      assert.equal(await page.getByTestId('thumbnail').count(), 0);
      assert.ok((await rows.nth(0).evaluate((row) => row.clientHeight)) < height);
      await box.check();
      await page.keyboard.press('Escape');
      for (const id of [one, other]) await pictureOf(id).and(still).waitFor();
      assert.equal(await pixels(one), last);
      assert.deepEqual({ memory: await memory(other), contexts: await contexts() }, before);
    },
  );

  await step('columns are chosen and remembered, and each of them sorts', async () => {
    await page.getByRole('button', { name: 'Columns' }).click();
    const columns = page.getByRole('dialog', { name: 'Columns' });
    for (const name of ['Jerk', 'Tags']) await columns.getByLabel(name, { exact: true }).check();
    const term = lab.store.episodes.terms()[0]!;
    await columns.getByLabel(term, { exact: true }).check();
    await picture('columns');
    await page.keyboard.press('Escape');
    const head = page.getByRole('columnheader', { name: 'Jerk' });
    await head.getByRole('button').click();
    const [best] = list({ sort: 'jerk', limit: 1 }).items;
    await page.locator(`[data-testid=episode-row][data-episode="${best!.id}"]`).waitFor();
    assert.equal(await head.getAttribute('aria-sort'), 'descending');
    await page
      .getByRole('columnheader', { name: term.split('/').at(-1)! })
      .getByRole('button')
      .click();
    await page.getByRole('button', { name: 'Quick picks' }).click();
    await page.getByRole('menuitem', { name: 'Worst' }).click();
    const worst = list({ sort: 'returnTotal', descending: false, limit: 1 }).items[0]!;
    await page.locator(`[data-testid=episode-row][data-cursor][data-episode="${worst.id}"]`).waitFor();
    await page.getByRole('columnheader', { name: 'Episode' }).getByRole('button').click();
  });

  await step('a star by mouse and by key, taken back by undo', async () => {
    await rows.nth(1).getByTestId('star').click();
    await rows.nth(1).locator('[data-testid=star][aria-pressed=true]').waitFor();
    const second = await idOf(1);
    assert.equal(lab.store.episodes.get(second).starred, true);
    await grid.focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('s');
    await rows.nth(0).locator('[data-testid=star][aria-pressed=true]').waitFor();
    await page.keyboard.press('Control+z');
    await rows.nth(0).locator('[data-testid=star][aria-pressed=false]').waitFor();
    assert.equal(list({ filter: 'starred:true' }).total, 1);
  });

  await step('many are chosen by mouse and by keyboard, and tagged together', async () => {
    await rows.nth(1).click({ modifiers: ['Control'] });
    await rows.nth(4).click({ modifiers: ['Control', 'Shift'] });
    await says(`4 of ${all.toLocaleString('en')} chosen`);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Control+Space');
    await says(`5 of ${all.toLocaleString('en')} chosen`);
    await page.getByTestId('episodes-tags').click();
    await page.getByTestId('episodes-new-tag').fill('odd one');
    await page.keyboard.press('Enter');
    await page.getByRole('checkbox', { name: 'odd one' }).waitFor();
    await picture('tags');
    assert.equal(list({ filter: 'tag:"odd one"' }).total, 5);
    await page.keyboard.press('Escape');
    await picture('chosen-dark');
    assert.deepEqual(await barriers(page), []);
  });

  await step('the trash takes them out of the list, and gives them back', async () => {
    await grid.focus();
    await page.keyboard.press('Delete');
    await says(episodes(all - 5));
    await page.getByTestId('episode-trash-view').click();
    await says(`${episodes(5)} in the trash`);
    await rows.first().click({ modifiers: ['Control'] });
    await picture('trash');
    await page.getByTestId('episodes-restore').click();
    await says(`${episodes(4)} in the trash`);
    await page.getByTestId('episode-trash-view').click();
    await says(episodes(all - 4));
    await page.keyboard.press('Control+z');
    await says(episodes(all - 5));
    await page.keyboard.press('Control+z');
    await says(episodes(all));
  });

  await step('filter, place and columns are still there when the panel comes back', async () => {
    // Fewer than all, so that the answer is seen to have come: a new answer begins at the top.
    await box.fill('kind:training');
    await says(episodes(list({ kind: 'training' }).total));
    await grid.hover();
    await page.mouse.wheel(0, 600);
    await page.waitForTimeout(300);
    const scrolled = (): Promise<number> =>
      page.locator('.episode-grid .grow-scroll').evaluate((e) => e.scrollTop);
    const place = await scrolled();
    assert.ok(place > 0);
    await grid.focus();
    await page.keyboard.press('g');
    await page.locator('.run-row').first().waitFor();
    await page.keyboard.press('e');
    await rows.first().waitFor();
    await page.waitForTimeout(300);
    assert.equal(await scrolled(), place);
    assert.equal(await box.inputValue(), 'kind:training');
    await rows.nth(6).click();
    await page.waitForTimeout(300);
    assert.equal(await scrolled(), place);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.waitForTimeout(400);
    await picture('list-light');
    assert.deepEqual(await barriers(page), []);
    await page.reload();
    await page.getByRole('columnheader', { name: 'Jerk' }).waitFor();
  });

  assert.deepEqual(mistakes, []);
});
