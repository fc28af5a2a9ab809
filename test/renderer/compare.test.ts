/** Comparing in a real browser: up to nine episodes on one clock, ghosts, alignments, points and events, and a link to all of it. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventsOf } from '../../renderer/state/events.ts';
import { loadEpisode, stageBands } from '../../renderer/state/opened.ts';
import { lab as command } from '../support/lab.ts';
import { temporaryFolder } from '../support/project.ts';
import { barriers, openWindow } from '../support/window.ts';

const stepOf = async (page: Page): Promise<number> =>
  Number(await page.getByTestId('position').getAttribute('data-step'));

/** Counts the page's WebGL contexts that are alive. */
const countContexts = (): void => {
  const made: WebGL2RenderingContext[] = [];
  const real = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...args: unknown[]) {
    const context: unknown = Reflect.apply(real, this, args);
    if (context instanceof WebGL2RenderingContext && !made.includes(context)) made.push(context);
    return context;
  } as typeof real;
  Object.assign(window, { liveContexts: () => made.filter((context) => !context.isContextLost()).length });
};

const contexts = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { liveContexts(): number }).liveContexts());

/** Long enough for software rendering to have drawn what the clock says. */
const settled = (page: Page): Promise<void> => page.waitForTimeout(500);

test('nine episodes are laid beside each other, aligned, looped, haunted, and found again by their link', {
  timeout: 480_000,
}, async (t) => {
  const project = join(temporaryFolder(t), 'compared');
  const made = await command(
    ...['collect', '--project', project, '--task', 'push', '--episodes', '9', '--failures', '2'],
    ...['--noise', '0.3', '--seed', '3'],
  );
  assert.equal(made.status, 0, made.stderr);
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'compare', project });
  /** Of a stored episode. */
  const bandsOf = (episode: number) =>
    stageBands(lab.store.episodes.columns(episode).get('trueStage')!.data as Uint8Array);
  const framesOf = async (episode: number): Promise<number[]> => {
    const opened = lab.openEpisode(episode);
    const events = eventsOf(loadEpisode(opened, opened.data));
    return [...new Set(events.map(({ frame }) => frame))];
  };
  // Nine software-drawn views on a core that others use, too.
  page.setDefaultTimeout(60_000);
  await page.addInitScript(countContexts);
  // The list's small pictures have a context of their own, which comes when there is time for it.
  await page.addInitScript(() =>
    localStorage.setItem('reward-lab.episodes', JSON.stringify({ columns: ['success', 'returnTotal'] })),
  );
  const row = (n: number) => page.locator(`[data-testid=episode-row][data-episode="${n}"]`);
  const step = async (title: string, part: () => Promise<void>): Promise<void> => {
    try {
      await part();
    } catch (cause) {
      await picture('failed');
      throw new Error(`Where ${title}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };

  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  /** The step a player stands at, as the legend of ghosts says it. */
  const stepIn = async (letter: string): Promise<number> => {
    const entry = page.locator('.ghost-legend li').filter({ has: page.getByTestId(`letter-${letter}`) });
    return Number(/step (\d+)/.exec((await entry.textContent()) ?? '')?.[1]);
  };
  const shownLetters = (): Promise<(string | null)[]> =>
    page.locator('.stage-header [data-testid^=letter-]').allTextContents();
  const activeLetter = (): Promise<string> =>
    page.locator('.stage-header .letter-badge[aria-pressed=true]').innerText();
  const openIn = (letter: string, episode: number): Promise<void> =>
    page.locator(`section[aria-label="Stage ${letter}"] .stage-header`, { hasText: `#${episode}` }).waitFor();

  await step('four episodes open, by mouse and by keyboard', async () => {
    await page.goto(url);
    await row(1).click();
    await page.locator('.stage-header', { hasText: 'push by expert' }).waitFor();
    await row(2).click({ modifiers: ['Shift'] });
    await row(3).getByTestId('open-b').click();
    // The cursor of the list stands at episode 3; the one above it is 4.
    await page.getByRole('grid', { name: 'Episodes' }).focus();
    await press('ArrowUp', 'Shift+Enter');
    await openIn('D', 4);
    assert.deepEqual(await page.getByTestId('episode-row').locator('.letter').allTextContents(), [
      ...['D', 'C', 'B', 'A'],
    ]);
    // Once more: it is there, so it becomes the active one.
    await press('Shift+Enter');
    assert.equal(await activeLetter(), 'D');
  });

  await step('players change places, become the active one and close, by mouse and by keyboard', async () => {
    await page.locator('section[aria-label="Stage B"] .stage-run').click();
    assert.equal(await activeLetter(), 'B');
    await press('x');
    await openIn('A', 2);
    await press('x');
    await openIn('A', 1);
    await press('a', 'a');
    assert.equal(await activeLetter(), 'D');
    await press('a');
    assert.equal(await activeLetter(), 'A');
    await press('Shift+a', 'Shift+X');
    assert.deepEqual(await shownLetters(), ['A', 'B', 'C']);
    // There is always an A: B takes its place, the others keep their letters.
    await page.getByRole('button', { name: 'Close A' }).click();
    assert.deepEqual(await shownLetters(), ['A', 'C']);
    await openIn('A', 2);
    await openIn('C', 3);
    // One alone, and back to the two.
    await press('c');
    assert.deepEqual(await shownLetters(), []);
    await press('c');
    assert.deepEqual(await shownLetters(), ['A', 'C']);
    await row(4).click({ modifiers: ['Shift'] });
    await row(5).click({ modifiers: ['Shift'] });
    await openIn('D', 5);
  });

  // A is episode 2, B 4, C 3, D 5.
  await step('keys go from event to event of the active player', async () => {
    const frames = await framesOf(2);
    assert.ok(frames.length >= 3, `events of episode 2: ${frames}`);
    await press('Home');
    const seen: number[] = [];
    for (const _ of frames) {
      await press('Control+ArrowRight');
      seen.push(await stepOf(page));
    }
    assert.deepEqual(seen, frames);
    assert.match(await page.getByTestId('said').innerText(), /^A: .+, step \d+$/);
    await press('Control+ArrowLeft');
    assert.equal(await stepOf(page), frames.at(-2));
    await press('Home', 'Control+ArrowLeft');
    assert.equal(await stepOf(page), 0);
    // Of B, once that is the active one.
    await press('a', 'Control+ArrowRight');
    assert.equal(await stepOf(page), (await framesOf(4))[0]);
    await press('Shift+A');
  });

  await step('ghosts stand in one scene, and each alignment puts them where it says', async () => {
    await press('h');
    await page.locator('.ghost-legend').waitFor();
    assert.equal(await page.locator('canvas[data-testid^="stage-"]').count(), 1);
    const pushed = bandsOf(2)[2];
    await press('Home');
    for (let i = 0; i < 9 && (await stepOf(page)) < pushed!.start; i++) await press('Control+ArrowRight');
    assert.equal(await stepOf(page), pushed!.start);
    assert.equal(await stepIn('b'), pushed!.start, 'by seconds');
    await page.getByTestId('align').first().getByText('Stages').click();
    for (const [letter, episode] of [
      ['b', 4],
      ['c', 3],
      ['d', 5],
    ] as const)
      assert.equal(await stepIn(letter), bandsOf(episode)[2]!.start, `${letter} by stages`);
    assert.match(await page.getByTestId('clock-meaning').innerText(), /seconds of A/);
    await settled(page);
    await picture('ghosts-dark');
    await press('m');
    await page.locator('.ghost-legend').waitFor();
    await page.getByTestId('clock-meaning').hover();
    await page.getByText('at which things stand most alike').first().waitFor();
    const byPath = await stepIn('c');
    assert.ok(byPath > pushed!.start + 5, `by path C, who is slower, stands at ${byPath}`);
    await press('m', 'm');
    assert.equal(await stepIn('b'), pushed!.start, 'by steps');
    await press('h');
    await page.getByTestId('stage-d').waitFor();
  });

  await step('the alignment is drawn; hovering says numbers, a click seeks', async () => {
    await press('m');
    await page.getByTestId('go-alignment').click();
    const canvas = page.getByTestId('alignment-canvas');
    const box = (await canvas.boundingBox())!;
    assert.match(await page.getByTestId('alignment-note').innerText(), /Entered by both: .+\(A \d+, B \d+\)/);
    await settled(page);
    await picture('alignment-stages-dark');
    await press('m');
    assert.match(
      await page.getByTestId('alignment-note').innerText(),
      /On the path A and B differ by .+ % of the room/,
    );
    await page.mouse.move(box.x + box.width * 0.3, box.y + 14);
    const said = await page.getByTestId('alignment-note').innerText();
    assert.match(said, /A step \d+ · B step \d+, they differ by .+ % of the room/);
    await page.mouse.down();
    await page.mouse.up();
    await settled(page);
    await picture('alignment-path-dark');
    await page.locator('.dv-tab', { hasText: 'Timeline' }).click();
    const [, a] = /A step (\d+)/.exec(said)!;
    assert.ok(Math.abs((await stepOf(page)) - Number(a)) <= 1, `${said}, seen at ${await stepOf(page)}`);
    await press('m');
  });

  await step('in and out points bound a loop, forwards and backwards', async () => {
    // The tab that was clicked would walk on by arrows.
    await page.getByTestId('position').click();
    const twenty = Array.from({ length: 20 }, () => 'ArrowRight');
    await press('Home', ...twenty, 'i', ...twenty, 'o', 'Shift+L', 'Space');
    // Two seconds, or as long as a busy machine takes to show more than the ends.
    const watch = async (): Promise<void> => {
      const seen = new Set<number>();
      for (let i = 0; i < 40 || (i < 400 && seen.size < 4); i++) {
        seen.add(await stepOf(page));
        await page.waitForTimeout(50);
      }
      assert.ok(Math.min(...seen) >= 20 && Math.max(...seen) <= 40 && seen.size > 2, `${[...seen]}`);
    };
    await watch();
    await press('j');
    await watch();
    await press('k');
    const paused = await stepOf(page);
    await page.waitForTimeout(300);
    assert.equal(await stepOf(page), paused);
    await press('Shift+I');
    assert.equal(await stepOf(page), 20);
    await press('Shift+O');
    assert.equal(await stepOf(page), 40);
  });

  await step('nine episodes open, a tenth is refused in words, and nine contexts live', async () => {
    // Other panels may have contexts of their own.
    const spare = (await contexts(page)) - 4;
    for (const episode of [1, 6, 7, 8, 9]) await row(episode).click({ modifiers: ['Shift'] });
    await openIn('I', 9);
    await row(10).click({ modifiers: ['Shift'] });
    await page.getByText('9 episodes at a time are the most').waitFor();
    assert.equal(await page.locator('canvas[data-testid^="stage-"]').count(), 9);
    assert.equal(await contexts(page), 9 + spare);
    await picture('nine-dark');
    for (let round = 0; round < 2; round++) {
      await press('c');
      await page.getByTestId('stage-b').waitFor({ state: 'detached' });
      assert.equal(await contexts(page), 1 + spare, 'contexts after eight views are closed');
      await press('c');
      await page.getByTestId('stage-i').waitFor();
      assert.equal(await contexts(page), 9 + spare);
    }
  });

  await step('a link comes back to nine episodes, points, alignment and moment', async () => {
    await page.getByTestId('align').first().getByText('Stages').click();
    await press('Shift+I', 'ArrowRight', 'ArrowRight', 'a', 'a');
    await page.waitForFunction(() => /active=c.*align=stages/.test(location.hash));
    const before = await page.evaluate(() => location.hash);
    assert.match(before, /project=compared&run=1&a=2&b=4&c=3&d=5&e=1&f=6&g=7&h=8&i=9&t=1.1&in=1&out=2/);
    await page.reload();
    await openIn('I', 9);
    assert.equal(await stepOf(page), 22);
    assert.equal(await activeLetter(), 'C');
    await page.waitForTimeout(500);
    assert.equal(await page.evaluate(() => location.hash), before);
    // Of another project the ids mean something else.
    await page.evaluate(() => history.replaceState(null, '', location.hash.replace('compared', 'elsewhere')));
    await page.reload();
    await page.getByText('This link is about another project').waitFor();
    assert.deepEqual(await shownLetters(), []);
    await page.getByRole('button', { name: 'Dismiss' }).click();
  });

  await step('best, median and worst of a run open by one command, and no barrier is found', async () => {
    await press('Shift+B');
    await page.getByTestId('stage-c').waitFor();
    assert.deepEqual(await shownLetters(), ['A', 'B', 'C']);
    await press('k', 'm', 'm');
    await page.getByTestId('go-alignment').click();
    for (const scheme of ['light', 'dark']) {
      await page.getByTestId('theme').click();
      await page.waitForFunction(
        (one) => document.documentElement.dataset['mantineColorScheme'] === one,
        scheme,
      );
      await settled(page);
      assert.deepEqual(await barriers(page), [], scheme);
      await picture(`three-${scheme}`);
      await press('h');
      await page.locator('.ghost-legend').waitFor();
      assert.deepEqual(await barriers(page), [], `${scheme}, ghosts`);
      await picture(`ghosts-${scheme}`);
      await press('h');
    }
  });

  assert.deepEqual(mistakes, []);
});
