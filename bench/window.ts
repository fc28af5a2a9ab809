/**
 * The window in headless Chromium on a real lab: `npm run bench -- window [--json]`.
 *
 * Software rendering (SwiftShader) on whatever else the machine does: pictures take the CPU here that a GPU would spare. A time "to the
 * numbers" is what React and the timeline need; "to the picture" waits for the stage as well.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { buildRenderer, root } from '../build/renderer.ts';
import type { Recipe } from '../lab/api.ts';
import { Lab } from '../lab/lab.ts';
import { serve } from '../lab/serve.ts';
import { benchPan } from '../renderer/timeline/bins.ts';
import { defaultsOf } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import { openStore } from '../store/index.ts';
import { launchBrowser } from '../test/support/browser.ts';

interface Figure {
  readonly name: string;
  readonly aim: string;
  readonly value: number;
  readonly unit: string;
  /** Of all repetitions. */
  readonly range: readonly [low: number, high: number];
}

const isJson = process.argv.includes('--json');
const figures: Figure[] = [];

function figure(name: string, aim: string, unit: string, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  const one: Figure = {
    name,
    aim,
    unit,
    value: sorted[sorted.length >> 1]!,
    range: [sorted[0]!, sorted.at(-1)!],
  };
  figures.push(one);
  if (!isJson) {
    const [low, high] = one.range.map((value) => value.toFixed(1));
    process.stdout.write(
      `${name.padEnd(52)} ${one.value.toFixed(1).padStart(8)} ${unit.padEnd(10)} (${low} to ${high}; aim ${aim})\n`,
    );
  }
}

const recipe = (name: string, steps: number): Recipe => ({
  name,
  task: 'push',
  // As long as the aim says.
  taskSettings: { horizon: 500 },
  algorithm: 'ppo',
  algorithmSettings: { steps, worlds: 8, stepsPerWorld: 128, hiddenSize: 32 },
  reward: [{ reward: 'dense' }],
  experiment: { evaluationEpisodes: 10, shortEvaluationEpisodes: 2, baseline: false },
});

async function trained(project: string): Promise<void> {
  const lab = new Lab({ project, device: 'wasm' });
  const { id } = lab.start(recipe('bench', 12_288), 0);
  while (['queued', 'running'].includes(lab.run(id).status)) await new Promise((r) => setTimeout(r, 50));
  if (lab.run(id).status !== 'done')
    throw new Error(`The run ended as ${lab.run(id).status}: ${lab.run(id).error}`);
  await lab.close();
}

/** Milliseconds from the start of the process; the browser itself is open already. */
interface ColdStart {
  /** To a window that answers a key. */
  readonly interactive: number;
  /** To the first picture on stage. */
  readonly picture: number;
}

async function coldStart(browser: Browser, project: string): Promise<ColdStart> {
  const began = performance.now();
  const child: ChildProcess = spawn(
    process.execPath,
    [join(root, 'lab', 'cli.ts'), 'serve', '--project', project, '--no-open'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  try {
    let text = '';
    const url = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        text += String(chunk);
        const found = /http:\/\/127\.0\.0\.1:\d+\/\?token=\w+/.exec(text);
        if (found) resolve(found[0]);
      };
      child.stdout!.on('data', read);
      child.stderr!.on('data', read);
      child.on('exit', (code) => reject(new Error(`lab serve ended with ${code}: ${text}`)));
    });
    const page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
    await page.goto(url);
    await page.getByTestId('episode-row').first().waitFor();
    await page.locator('[data-testid=stage-a]').waitFor();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(
      () => Number(document.querySelector('[data-testid=position]')?.getAttribute('data-step')) > 0,
    );
    const interactive = performance.now() - began;
    await page.waitForFunction(
      () => document.querySelector<HTMLElement>('[data-testid=stage-a]')?.dataset['episode'],
    );
    const picture = performance.now() - began;
    await page.close();
    return { interactive, picture };
  } finally {
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
  }
}

/** Milliseconds from an action in the page to a condition, looked at in every picture of the browser. */
async function until(page: Page, action: string, condition: string): Promise<number> {
  return page.evaluate(
    ([act, is]) =>
      new Promise<number>((resolve, reject) => {
        const began = performance.now();
        // biome-ignore lint/security/noGlobalEval: the bench's own text, in the bench's own page
        const run = globalThis.eval as (text: string) => unknown;
        run(act);
        const look = (): void => {
          if (run(is)) resolve(performance.now() - began);
          else if (performance.now() - began > 20_000) reject(new Error(`20 s without: ${is}`));
          else setTimeout(look, 1);
        };
        look();
      }),
    [action, condition] as const,
  );
}

/** Rows as a training run leaves them, with columns as small as they get. */
function fillEpisodes(directory: string, count: number): void {
  const store = openStore(directory);
  const runId = store.runs.create({
    kind: 'train',
    name: 'many',
    task: 'push',
    algorithm: 'ppo',
    seed: 0,
    status: 'done',
    config: { taskVersion: tasks.push.version, taskSettings: defaultsOf(tasks.push.fields) },
    versions: {},
  });
  for (let from = 0; from < count; from += 1000) {
    store.transaction(() => {
      for (let i = from; i < from + 1000; i++) {
        store.episodes.add({
          runId,
          task: 'push',
          kind: 'training',
          seed: i,
          trainedSteps: i * 100,
          length: 100,
          ending: 'truncated',
          success: i % 3 === 0,
          finalProgress: (i % 100) / 100,
          returnTotal: Math.sin(i) * 50,
          returns: { 'task/near': i % 7 },
          rewardHash: null,
          checksum: '0'.repeat(16),
          columns: [],
        });
      }
    });
  }
  store.close();
}

await buildRenderer();
const folder = mkdtempSync(join(tmpdir(), 'reward-lab-bench-window-'));
const browser = await launchBrowser();
try {
  const project = join(folder, 'project');
  await trained(project);
  const starts: ColdStart[] = [];
  for (let i = 0; i < 5; i++) {
    starts.push(await coldStart(browser, project));
    // What the closed page left to be drawn is not the next one's.
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
  figure(
    'cold start to interactive',
    '3,000',
    'ms',
    starts.map(({ interactive }) => interactive),
  );
  figure(
    '  to the first picture',
    'none',
    'ms',
    starts.map(({ picture }) => picture),
  );

  const lab = new Lab({ project, device: 'wasm' });
  const door = await serve({ lab });
  // The page's policy forbids eval; the bench measures inside the page.
  const context = await browser.newContext({
    bypassCSP: true,
    viewport: { width: 1440, height: 860 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(door.url);
  await page.getByTestId('episode-row').nth(20).waitFor();
  await page.waitForTimeout(2500);

  const opens: number[] = [];
  const ids = await page
    .getByTestId('episode-row')
    .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-episode')));
  for (const id of ids.slice(1, 16)) {
    opens.push(
      await until(
        page,
        `document.querySelector('[data-testid=episode-row][data-episode="${id}"]').click()`,
        `document.querySelector('.stage-header .stage-facts')?.textContent.includes('${id}') && document.querySelector('[data-testid=position]').textContent.includes('/ 500')`,
      ),
    );
    await page.waitForTimeout(250);
  }
  figure('open a 500-step episode, to the numbers', '100', 'ms', opens);

  const seeks: number[] = [];
  const key = (name: string): string =>
    `dispatchEvent(new KeyboardEvent('keydown', { key: '${name}', bubbles: true }))`;
  await page.keyboard.press('Home');
  for (let step = 1; step <= 30; step++) {
    seeks.push(
      await until(
        page,
        key('ArrowRight'),
        `document.querySelector('[data-testid=position]').getAttribute('data-step') === '${step}'`,
      ),
    );
    await page.waitForTimeout(60);
  }
  figure('seek, to the numbers', '50', 'ms', seeks);

  // Pans over the zoomed timeline, one a picture of the browser, for three seconds; the stage's fine still picture is done before.
  await page.waitForTimeout(4000);
  const pans = await page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const canvas = document.querySelector('[data-testid=timeline]')!;
        const box = canvas.getBoundingClientRect();
        const wheel = (delta: { deltaX?: number; deltaY?: number }): boolean =>
          canvas.dispatchEvent(
            new WheelEvent('wheel', {
              ...delta,
              clientX: box.x + box.width / 2,
              clientY: box.y + box.height / 2,
              bubbles: true,
              cancelable: true,
            }),
          );
        for (let i = 0; i < 8; i++) wheel({ deltaY: -120 });
        const gaps: number[] = [];
        let last = 0;
        const began = performance.now();
        const tick = (now: number): void => {
          if (last > 0) gaps.push(now - last);
          last = now;
          wheel({ deltaX: Math.sin(now / 400) * 30 });
          if (now - began < 3000) requestAnimationFrame(tick);
          else resolve(gaps);
        };
        requestAnimationFrame(tick);
      }),
  );
  figure('timeline panned, between two pictures', '17', 'ms', pans);
  const busy = benchPan({ series: 8, steps: 5000, frames: 240, columns: 1200 }, () => performance.now());
  figure('  8 series x 5,000 steps, points of one picture', '17', 'ms', [busy]);

  // Nine views on one clock: seconds of the episode that pass in a second, played at 1x.
  const nine = ids.slice(1, 10).map((id, i) => `${'abcdefghi'[i]}=${id}`);
  await page.goto('about:blank');
  await page.goto(`${door.url}#${nine.join('&')}`);
  await page.getByTestId('stage-i').waitFor();
  await page.waitForTimeout(8000);
  await page.keyboard.press('Home');
  const timeOf = (): Promise<number> =>
    page.evaluate(() => Number(document.querySelector('[data-testid=position]')!.getAttribute('data-step')));
  await page.keyboard.press('Space');
  const steps = [await timeOf()];
  for (let i = 0; i < 5; i++) {
    await page.waitForTimeout(1000);
    steps.push(await timeOf());
  }
  await page.keyboard.press('Space');
  figure(
    'nine views, steps shown a second (20 at 1x)',
    '20',
    'steps/s',
    steps.slice(1).map((step, i) => step - steps[i]!),
  );

  // What comes over the wire while a run is followed live.
  let bytes = 0;
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      bytes += payload.length;
    }),
  );
  const live = lab.start(recipe('live', 60_000), 1).id;
  await page.goto('about:blank');
  await page.goto(door.url);
  await page.getByTestId('live-badge').waitFor();
  await page.waitForTimeout(2000);
  const rates: number[] = [];
  for (let i = 0; i < 5 && lab.run(live).status === 'running'; i++) {
    bytes = 0;
    await page.waitForTimeout(1000);
    rates.push(bytes / 1000);
  }
  if (rates.length > 0) figure('lab to window while live', 'none', 'kB/s', rates);
  lab.stop(live);

  await context.close();
  await door.close();
  await lab.close();

  // A list of 100,000 episodes, scrolled from end to end in five seconds.
  const large = join(folder, 'large');
  fillEpisodes(large, 100_000);
  const manyLab = new Lab({ project: large, device: 'wasm', mode: 'read' });
  const manyDoor = await serve({ lab: manyLab });
  const many = await browser.newPage({ viewport: { width: 1440, height: 860 } });
  await many.goto(manyDoor.url);
  await many.getByTestId('episode-row').first().waitFor();
  await many.waitForTimeout(1500);
  const scrolled = await many.evaluate(
    () =>
      new Promise<{ gaps: number[]; blank: number }>((resolve) => {
        const row = document.querySelector('[data-testid=episode-row]')!;
        let list = row.parentElement!;
        while (list.scrollHeight <= list.clientHeight) list = list.parentElement!;
        const gaps: number[] = [];
        let [last, blank] = [0, 0];
        const began = performance.now();
        const tick = (now: number): void => {
          if (last > 0) gaps.push(now - last);
          last = now;
          const part = Math.min(1, (now - began) / 5000);
          list.scrollTop = part * (list.scrollHeight - list.clientHeight);
          if (document.querySelectorAll('[data-testid=episode-row]').length < 5) blank++;
          if (part < 1) requestAnimationFrame(tick);
          else resolve({ gaps, blank });
        };
        requestAnimationFrame(tick);
      }),
  );
  figure('100,000 episodes scrolled, between two pictures', '1,000', 'ms', scrolled.gaps);
  figure('  pictures while rows are still on their way, of all', '0', '%', [
    (100 * scrolled.blank) / scrolled.gaps.length,
  ]);
  await many.close();
  await manyDoor.close();
  await manyLab.close();
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
if (isJson) process.stdout.write(`${JSON.stringify({ figures }, null, 2)}\n`);
