/**
 * One picture of every task at the start, half-way to success and at success, taken in the real window:
 *
 *   node build/contact-sheet.ts [--task T ...] [--scheme dark|light] [--seed N] [--out docs/pictures/tasks.png]
 *
 * Each task's expert plays one recorded episode in a project that is thrown away; the window opens it in headless
 * Chromium. A task that cannot be shown is left out, named on stderr, and makes the exit code 1.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { Lab } from '../lab/lab.ts';
import { unpack } from '../lab/pack.ts';
import { encodePng } from '../lab/png.ts';
import { serve } from '../lab/serve.ts';
import type { Task } from '../sim/env.ts';
import { defaultsOf } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import { launchBrowser } from '../test/support/browser.ts';
import { buildRenderer } from './renderer.ts';

/** Pixels of one picture on the sheet, and tasks a line. */
const cell = { width: 320, height: 200 };
const tasksALine = 2;
const gap = 6;
const caption = 26;

const { values } = parseArgs({
  options: {
    task: { type: 'string', multiple: true },
    scheme: { type: 'string', default: 'dark' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'docs/pictures/tasks.png' },
  },
});

interface Recorded {
  readonly task: Task;
  readonly episode: number;
  /** Frames: start, half-way, success. */
  readonly frames: readonly [number, number, number];
  readonly length: number;
}

interface Shown {
  readonly title: string;
  /** PNG, base64. */
  readonly pictures: readonly string[];
}

const wanted = values.task ?? Object.keys(tasks);
const unknown = wanted.filter((id) => !Object.hasOwn(tasks, id));
if (unknown.length > 0) {
  console.error(`Unknown tasks: ${unknown.join(', ')}. There are ${Object.keys(tasks).join(', ')}.`);
  process.exit(2);
}
if (values.scheme !== 'dark' && values.scheme !== 'light') {
  console.error(`--scheme: found ${values.scheme}, wanted dark or light`);
  process.exit(2);
}

const failures: string[] = [];

/** What went wrong with one task does not stop the others. */
async function attempt<T>(id: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    failures.push(`${id}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
    return null;
  }
}

/** The lab records one after the other, beside the browser that shows what is there already. */
const begin = (lab: Lab, task: Task): number =>
  lab.collect({
    name: task.id,
    task: task.id,
    taskVersion: task.version,
    taskSettings: defaultsOf(task.fields),
    seed: Number(values.seed),
    policy: 'expert',
    noise: 0,
    episodes: 1,
    failures: 0,
  });

async function recorded(lab: Lab, task: Task, run: number): Promise<Recorded> {
  const { status, error } = await lab.finished(run);
  if (status !== 'done') throw new Error(`recording ended as ${status}: ${error ?? 'no reason given'}`);
  const episode = lab.episodes({ runId: run, limit: 1 }).items[0];
  if (episode === undefined) throw new Error('no episode was recorded');
  const opened = lab.openEpisode(episode.id);
  const success = unpack(opened.data)['trueSuccess']!.indexOf(1);
  if (success < 0) throw new Error('the expert did not succeed');
  return {
    task,
    episode: episode.id,
    frames: [0, Math.floor(success / 2), success],
    length: episode.length,
  };
}

const stepOf = async (page: Page): Promise<number> =>
  Number(await page.getByTestId('position').getAttribute('data-step'));

/** Clicks near a frame, then steps to it. */
async function seek(page: Page, frame: number, length: number): Promise<void> {
  await page.keyboard.press('Home');
  if (frame === 0) return;
  const box = (await page.getByTestId('timeline').boundingBox())!;
  const at = async (share: number): Promise<number> => {
    await page.mouse.click(box.x + box.width * share, box.y + box.height / 2);
    return stepOf(page);
  };
  // The plot has margins: two clicks tell where its frames are.
  const [low, high] = [await at(0.3), await at(0.7)];
  if (high > low && frame < length)
    await at(Math.min(0.98, Math.max(0.02, 0.3 + (0.4 * (frame - low)) / (high - low))));
  for (let tries = 0; tries < length; tries++) {
    const step = await stepOf(page);
    if (step === frame) return;
    await page.keyboard.press(step < frame ? 'ArrowRight' : 'ArrowLeft');
  }
  throw new Error(`the window stands at step ${await stepOf(page)}, wanted ${frame}`);
}

/** Once nothing moves, the stage is drawn again with twice as many pixels each way. */
async function settled(page: Page): Promise<void> {
  await page.waitForTimeout(120);
  await page.waitForFunction(
    () => {
      const canvas = document.querySelector<HTMLCanvasElement>('[data-testid=stage-a]');
      return canvas !== null && canvas.width > 1.9 * canvas.clientWidth;
    },
    undefined,
    { timeout: 20_000, polling: 60 },
  );
  await page.waitForTimeout(150);
}

async function show(page: Page, url: string, { task, episode, frames, length }: Recorded): Promise<Shown> {
  await page.goto('about:blank');
  await page.goto(`${url}#a=${episode}&t=0.001`);
  await page.locator(`.stage-header:has-text("${episode}")`).waitFor();
  await page.addStyleTag({ content: '.stage-label { display: none }' });
  const pictures: string[] = [];
  for (const frame of frames) {
    await seek(page, frame, length);
    await settled(page);
    pictures.push((await page.getByTestId('stage-a').screenshot()).toString('base64'));
  }
  return { title: task.id, pictures };
}

/** One line of the sheet as RGB rows, drawn by the browser, whose fonts and scaling are better than anything written here. */
async function drawLine(page: Page, shown: readonly Shown[], width: number, height: number): Promise<Buffer> {
  const data = await page.evaluate(
    async ({ shown, cell, gap, caption, width, height, isDark }) => {
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext('2d', { willReadFrequently: true })!;
      context.fillStyle = isDark ? '#0d1014' : '#ffffff';
      context.fillRect(0, 0, width, height);
      context.imageSmoothingQuality = 'high';
      for (const [i, { title, pictures }] of shown.entries()) {
        const left = 3 * gap + i * (3 * cell.width + 5 * gap);
        context.fillStyle = isDark ? '#e6e9ee' : '#1d232b';
        context.font = '600 15px "Open Sans", sans-serif';
        context.fillText(title, left, gap + 18);
        for (const [k, picture] of pictures.entries()) {
          const image = new Image();
          image.src = `data:image/png;base64,${picture}`;
          await image.decode();
          // The middle of the stage, as much as fits the cell's shape.
          const scale = Math.max(cell.width / image.width, cell.height / image.height);
          const part = { width: cell.width / scale, height: cell.height / scale };
          context.drawImage(
            image,
            (image.width - part.width) / 2,
            (image.height - part.height) / 2,
            part.width,
            part.height,
            left + k * (cell.width + gap),
            gap + caption,
            cell.width,
            cell.height,
          );
        }
      }
      const { data } = context.getImageData(0, 0, width, height);
      let text = '';
      for (let i = 0; i < data.length; i += 4)
        text += String.fromCharCode(data[i]!, data[i + 1]!, data[i + 2]!);
      return btoa(text);
    },
    { shown, cell, gap, caption, width, height, isDark: values.scheme === 'dark' },
  );
  return Buffer.from(data, 'base64');
}

/** The browser's own PNG files are more than twice as large. */
async function compose(browser: Browser, shown: readonly Shown[]): Promise<Buffer> {
  const page = await browser.newPage();
  const width = tasksALine * (3 * cell.width + 5 * gap) + gap;
  const height = caption + cell.height + 2 * gap;
  const lines: Buffer[] = [];
  for (let i = 0; i < shown.length; i += tasksALine) {
    lines.push(await drawLine(page, shown.slice(i, i + tasksALine), width, height));
  }
  await page.close();
  return encodePng(width, height * lines.length, Buffer.concat(lines));
}

const started = performance.now();
const seconds = (): string => `${Math.round((performance.now() - started) / 1000)} s`;
await buildRenderer();
const project = mkdtempSync(join(tmpdir(), 'reward-lab-sheet-'));
const lab = new Lab({ project, device: 'cpu' });
const door = await serve({ lab });
const browser = await launchBrowser();
try {
  const runs = wanted.map((id) => begin(lab, tasks[id as keyof typeof tasks]));
  const page = await browser.newPage({
    viewport: { width: 1180, height: 760 },
    colorScheme: values.scheme,
    reducedMotion: 'reduce',
  });
  page.setDefaultTimeout(30_000);
  const mistakes: string[] = [];
  page.on('pageerror', (error) => mistakes.push(error.message));
  const shown: Shown[] = [];
  for (const [i, id] of wanted.entries()) {
    const made = await attempt(id, async () =>
      show(page, door.url, await recorded(lab, tasks[id as keyof typeof tasks], runs[i]!)),
    );
    if (made !== null) shown.push(made);
    // Shown or not, what the window complained about is worth knowing.
    for (const mistake of mistakes.splice(0)) failures.push(`${id}: in the window: ${mistake}`);
  }
  if (shown.length > 0) {
    const png = await compose(browser, shown);
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, png);
    console.log(
      `Wrote ${values.out}: ${shown.length} tasks, ${(png.length / 1e6).toFixed(1)} MB, after ${seconds()}`,
    );
  }
} finally {
  await browser.close();
  await door.close();
  await lab.close();
  rmSync(project, { recursive: true, force: true });
}
for (const failure of failures) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;
