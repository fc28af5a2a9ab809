/** The stage in a real browser: what it draws beside the bodies, its cameras, what it leaves on the graphics card, its files. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { ALL_FORMATS, BufferSource, Input } from 'mediabunny';
import { decode } from 'modern-gif';
import type { Page } from 'playwright-core';
import type { Lab } from '../../lab/lab.ts';
import { unpack } from '../../lab/pack.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { barriers, openWindow, takesPictures, unchanging } from '../support/window.ts';

type TaskId = keyof typeof tasks;

/** One episode of the expert. */
async function record(lab: Lab, task: TaskId): Promise<void> {
  const { version, fields } = tasks[task];
  const run = lab.collect({
    name: task,
    task,
    taskVersion: version,
    taskSettings: defaultsOf(fields),
    seed: 1,
    policy: 'expert',
    noise: 0,
    episodes: 1,
    failures: 0,
  });
  await lab.finished(run);
}

/** Share of pixels of two pictures that differ, by the browser's own decoder. */
function difference(page: Page, one: Buffer, other: Buffer): Promise<number> {
  return page.evaluate(
    async (sources) => {
      const data = await Promise.all(
        sources.map(async (source) => {
          const image = new Image();
          image.src = `data:image/png;base64,${source}`;
          await image.decode();
          const canvas = document.createElement('canvas');
          canvas.width = image.width;
          canvas.height = image.height;
          const context = canvas.getContext('2d')!;
          context.drawImage(image, 0, 0);
          return context.getImageData(0, 0, canvas.width, canvas.height).data;
        }),
      );
      const [a, b] = data as [Uint8ClampedArray, Uint8ClampedArray];
      let different = 0;
      for (let i = 0; i < a.length; i += 4)
        if (Math.abs(a[i]! - b[i]!) + Math.abs(a[i + 1]! - b[i + 1]!) + Math.abs(a[i + 2]! - b[i + 2]!) > 24)
          different++;
      return different / (a.length / 4);
    },
    [one.toString('base64'), other.toString('base64')],
  );
}

/** Colours of one picture file, decoded where no content security policy stands in the way: width, height, different colours, least alpha. */
function lookAt(page: Page, bytes: Buffer, type: string): Promise<[number, number, number, number]> {
  return page.evaluate(
    async ([source, kind]) => {
      const blob = await (await fetch(`data:${kind};base64,${source}`)).blob();
      const canvas = document.createElement('canvas');
      const context = canvas.getContext('2d')!;
      if (kind.startsWith('video/')) {
        const video = document.createElement('video');
        video.muted = true;
        video.src = URL.createObjectURL(blob);
        await new Promise((resolve, reject) => {
          video.onerror = () => reject(new Error(video.error?.message ?? 'the clip does not play'));
          video.onloadeddata = () => {
            // That it has sought does not mean that there is a picture yet.
            video.requestVideoFrameCallback(resolve);
            video.currentTime = 0.2;
          };
        });
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        context.drawImage(video, 0, 0);
      } else {
        const picture = await createImageBitmap(blob);
        canvas.width = picture.width;
        canvas.height = picture.height;
        context.drawImage(picture, 0, 0);
      }
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set<number>();
      let alpha = 255;
      for (let i = 0; i < data.length; i += 4) {
        seen.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
        alpha = Math.min(alpha, data[i + 3]!);
      }
      return [canvas.width, canvas.height, seen.size, alpha] as [number, number, number, number];
    },
    [bytes.toString('base64'), type] as const,
  );
}

interface Part {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Mean difference of a colour, 0 to 255, between a part of one picture and a whole other one, both brought to the same small size. */
function unlikeness(page: Page, whole: Buffer, part: Part, other: Buffer): Promise<number> {
  return page.evaluate(
    async ([sources, { x, y, width, height }]) => {
      const [a, b] = await Promise.all(
        sources.map(async (source, i) => {
          const image = await createImageBitmap(
            await (await fetch(`data:image/png;base64,${source}`)).blob(),
          );
          const canvas = document.createElement('canvas');
          canvas.width = canvas.height = 96;
          const context = canvas.getContext('2d')!;
          if (i === 0) context.drawImage(image, x, y, width, height, 0, 0, 96, 96);
          else context.drawImage(image, 0, 0, 96, 96);
          return context.getImageData(0, 0, 96, 96).data;
        }),
      );
      return a!.reduce((sum, value, i) => sum + Math.abs(value - b![i]!), 0) / (a!.length * 0.75);
    },
    [[whole.toString('base64'), other.toString('base64')], part] as const,
  );
}

/** A window on a project with one episode of the expert of each task, before them those of a short training run on reach. */
async function visit(t: TestContext, recorded: readonly TaskId[], trains = false) {
  const opened = await openWindow(t, { name: 'stage', size: { width: 960, height: 660 } });
  const { lab, page, url, picture } = opened;
  // Long enough for a machine that has much else to do.
  page.setDefaultTimeout(60_000);
  if (trains) {
    const trained = lab.start(
      {
        name: 'short',
        task: 'reach',
        algorithm: 'ppo',
        algorithmSettings: { steps: 2048, worlds: 8, stepsPerWorld: 64, minibatch: 128, hiddenSize: 16 },
        reward: [{ reward: 'dense', weight: 1 }],
        experiment: { evaluationEpisodes: 2, shortEvaluationEpisodes: 1, evaluateEvery: 2048 },
      },
      1,
    );
    await lab.finished(trained.id);
  }
  for (const task of recorded) await record(lab, task);
  /** Of an episode of a task. */
  const idOf = (task: string): number => lab.store.episodes.list({ task, limit: 1 }).items[0]!.id;

  const stage = page.getByTestId('stage-a');
  /** Once the stage stands still: a draft is drawn, all else that the CPU draws is drawn twice as fine then. */
  const stands = async (): Promise<void> => {
    await page.waitForTimeout(300);
    await stage.evaluate(async (canvas) => {
      const points = (): number => (canvas as HTMLCanvasElement).width / canvas.clientWidth;
      for (let i = 0; i < 60 && points() > 0.6 && points() < 2; i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
    });
  };
  const shot = async (): Promise<Buffer> => {
    await stands();
    // On screen a little after it is drawn.
    await page.waitForTimeout(200);
    return stage.screenshot();
  };
  const open = async (task: string): Promise<void> => {
    await page.goto('about:blank');
    await page.goto(`${url}#a=${idOf(task)}&t=1.5`);
    await page.getByTestId('legend-a').waitFor();
  };
  const choose = async (sub: string | null, item: string): Promise<void> => {
    await page.getByTestId('stage-tools').click();
    if (sub) {
      await page.getByTestId(sub).focus();
      await page.keyboard.press('ArrowRight');
    }
    await page.getByTestId(item).click();
    if (!sub) await page.keyboard.press('Escape');
    await page.getByTestId('stage-contacts').waitFor({ state: 'detached' });
  };
  const step = async (title: string, part: () => Promise<void>): Promise<void> => {
    try {
      await part();
    } catch (cause) {
      await picture('failed');
      throw new Error(`Where ${title}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };

  return { ...opened, idOf, stage, stands, shot, open, choose, step };
}

const drawn: readonly TaskId[] = ['push', 'pick-place', 'maze', 'cheetah', 'pendulum'];

test('contacts, names, cameras and trails are drawn, and fifty episodes leave nothing behind', {
  timeout: 600_000,
}, async (t) => {
  const opened = await visit(t, [...drawn, 'soccer'], true);
  const { lab, page, url, mistakes, picture, idOf, stage, stands, shot, open, choose, step } = opened;
  await step('contact forces are drawn and told in newtons', async () => {
    await open('pick-place');
    const before = await shot();
    await page.keyboard.press('7');
    await page
      .getByTestId('forces-a')
      .getByText(/largest \d+(\.\d+)? N/)
      .waitFor();
    const changed = await difference(page, before, await shot());
    assert.ok(changed > 0.0005 && changed < 0.2, `share of changed pixels: ${changed}`);
    await picture('contacts');
  });

  await step(
    'discs tell what they pressed on in the step before, and when the agent met the ball',
    async () => {
      const id = idOf('soccer');
      const opened = lab.openEpisode(id);
      const met = unpack(opened.data)['contact']!.indexOf(1);
      assert.ok(met > 0);
      await page.goto('about:blank');
      await page.goto(`${url}#a=${id}&t=${(met - 1) * opened.controlDt}`);
      await page.getByTestId('legend-a').waitFor();
      await page.keyboard.press('Control+ArrowRight');
      await page
        .getByTestId('forces-a')
        .getByText(/^[1-9]\d* contact/)
        .waitFor();
      await shot();
      await picture('soccer');
      await open('pick-place');
    },
  );

  await step('bodies have names; without perspective the picture is another', async () => {
    await page.keyboard.press('8');
    await page.waitForFunction(() =>
      document.querySelector<HTMLElement>('.stage-names')?.dataset['names']?.includes('block'),
    );
    const before = await shot();
    await page.keyboard.press('9');
    assert.ok((await difference(page, before, await shot())) > 0.02);
    await page.keyboard.press('9');
    // The same camera again.
    assert.ok((await difference(page, before, await shot())) < 0.002);
  });

  await step('one looks through the wrist camera, and the menu is free of barriers', async () => {
    const before = await shot();
    await choose('stage-through', 'through-wrist');
    assert.ok((await difference(page, before, await shot())) > 0.2);
    await picture('wrist');
    await page.getByTestId('stage-tools').click();
    await page.getByTestId('stage-contacts').waitFor();
    await page.waitForTimeout(300);
    assert.deepEqual(await barriers(page), []);
    await picture('menu');
    await page.keyboard.press('Escape');
    await choose('stage-through', 'through-own');
    await choose(null, 'stage-frusta');
    await page.waitForFunction(() =>
      document.querySelector<HTMLElement>('.stage-names')?.dataset['names']?.includes('wrist'),
    );
  });

  await step(
    'a finer or coarser stage is drawn as soon as it is chosen; by itself the CPU draws fast',
    async () => {
      const isDrawn = (isSmooth: boolean) =>
        page.waitForFunction((wanted) => {
          const canvas = document.querySelector<HTMLCanvasElement>('[data-testid=stage-a]');
          const { antialias } = canvas?.getContext('webgl2')?.getContextAttributes() ?? {};
          return canvas?.dataset['episode'] !== undefined && antialias === wanted;
        }, isSmooth);
      await isDrawn(false);
      await choose('stage-quality', 'quality-fine');
      await isDrawn(true);
      await picture('fine');
      await choose('stage-quality', 'quality-draft');
      await isDrawn(false);
      const pointsAcross = () =>
        page.evaluate(() => {
          const canvas = document.querySelector<HTMLCanvasElement>('[data-testid=stage-a]')!;
          return canvas.width / canvas.clientWidth;
        });
      assert.ok(Math.abs((await pointsAcross()) - 0.5) < 0.01);
      await picture('draft');
      await choose('stage-quality', 'quality-auto');
      // Twice as fine once it stands still.
      await page.waitForFunction(() => {
        const canvas = document.querySelector<HTMLCanvasElement>('[data-testid=stage-a]');
        return canvas !== null && canvas.width > 1.9 * canvas.clientWidth;
      });
      if (!takesPictures) await choose('stage-quality', 'quality-draft');
    },
  );

  await step('a menu in the menu leaves the first one free', async () => {
    await page.getByTestId('stage-tools').click();
    await page.getByTestId('stage-quality').focus();
    await page.keyboard.press('ArrowRight');
    const [first, second] = await Promise.all(
      ['stage-contacts', 'quality-fine'].map(async (id) => {
        const menu = page.getByTestId(id).locator('xpath=ancestor::*[contains(@class, "menu-long")][1]');
        await unchanging(menu);
        return (await menu.boundingBox())!;
      }),
    );
    assert.ok(
      second!.x + second!.width <= first!.x + 8 || second!.x >= first!.x + first!.width - 8,
      `${JSON.stringify(second)} beside ${JSON.stringify(first)}`,
    );
    assert.ok(second!.x >= 0 && second!.x + second!.width <= 960);
    await picture('menu-in-menu');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.getByTestId('stage-contacts').waitFor({ state: 'detached' });
  });

  await step('a maze shows the rays of its lidar', async () => {
    await open('maze');
    const before = await shot();
    await choose(null, 'stage-lidar');
    assert.ok((await difference(page, before, await shot())) > 0.0005);
    await choose(null, 'stage-lidar');
  });

  await step('a trail takes the colours of a reward term, with the numbers of its ends', async () => {
    await open('reach');
    const before = await shot();
    const term = await page.evaluate(() => document.querySelector('.stage-legend')?.textContent);
    assert.match(term ?? '', /true progress/);
    await page.getByTestId('stage-tools').click();
    await page.getByTestId('stage-trail').focus();
    await page.keyboard.press('ArrowRight');
    await page
      .getByRole('menuitem', { name: /^Reward: / })
      .first()
      .click();
    assert.ok((await difference(page, before, await shot())) > 0.0003);
    assert.match((await page.getByTestId('legend-a').textContent()) ?? '', /task\//);
    await choose('stage-span', 'span-none');
    assert.equal(await page.locator('.stage-ramp').count(), 0);
    await choose('stage-span', 'span-all');
  });

  await step('fifty episodes of different tasks leave nothing on the graphics card', async () => {
    await page.locator('.dv-tab', { hasText: 'Episodes' }).click();
    const memory: number[][] = [];
    const ids = drawn.map(idOf);
    for (let i = 0; i < 50; i++) {
      const id = ids[i % ids.length]!;
      await page.locator(`[data-testid=episode-row][data-episode="${id}"]`).click();
      await page
        .locator('.stage-facts', { hasText: String(id) })
        .first()
        .waitFor();
      if (i % ids.length !== 0) continue;
      // Not before it is drawn, with all that is fetched for it; a machine that is busy draws late.
      await page.locator(`[data-testid=stage-a][data-episode="${id}"]`).waitFor();
      await page.getByTestId('forces-a').waitFor();
      await stands();
      memory.push((await stage.getAttribute('data-memory'))!.split(' ').map(Number));
    }
    // What is made once (shader programs, lines for the rays of a lidar) is made when a task is first drawn, which in a quick row
    // of loads may be in a later round; from the middle on nothing may grow.
    const [geometries, textures, programs] = memory[memory.length / 2]!;
    const last = memory.at(-1)!;
    assert.ok(
      last[0]! <= geometries! && last[1]! <= textures! && last[2]! <= programs!,
      `geometries, textures and programs after each round: ${memory.join(' | ')}`,
    );
  });

  assert.deepEqual(mistakes, []);
});

test('pictures and clips are saved as large and as long as they say', { timeout: 600_000 }, async (t) => {
  const { page, url, mistakes, picture, idOf, stage, open, step } = await visit(t, ['push', 'reach']);
  const plain = await (await page.context().browser()!.newContext()).newPage();
  const saved = async (): Promise<{ name: string; bytes: Buffer }> => {
    const waiting = page.waitForEvent('download', { timeout: 60_000 });
    await page.getByTestId('export-make').click();
    const download = await waiting;
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  };

  await step('a picture is saved, twice as large as the stage, also without ground', async () => {
    await open('push');
    const { width, height } = (await stage.boundingBox())!;
    await page.keyboard.press('Control+Shift+p');
    const { name, bytes } = await saved();
    assert.equal(name, `push-episode-${idOf('push')}-1.50s.png`);
    const even = (side: number): number => 2 * Math.round(side);
    const [w, h, colours, alpha] = await lookAt(plain, bytes, 'image/png');
    assert.deepEqual([w, h, alpha], [even(width), even(height), 255]);
    assert.ok(colours > 500, `colours: ${colours}`);
    await picture('picture-dialog');
    await page.getByTestId('export-transparent').check();
    assert.equal((await lookAt(plain, (await saved()).bytes, 'image/png'))[3], 0);
    await page.getByRole('button', { name: 'Close' }).last().click();
  });

  await step('a clip is saved as WebM and as GIF, with as many pictures as it says', async () => {
    await page.keyboard.press('Control+Shift+e');
    await page.getByTestId('export-to').fill('1.5');
    await page.getByTestId('export-from').fill('0.5');
    await page.getByTestId('burn-terms').check();
    await page.getByTestId('export-width').click();
    await page.getByRole('option', { name: '480 px' }).click();
    assert.deepEqual(await barriers(page), []);
    await picture('clip-dialog');
    const clip = await saved();
    assert.equal(clip.name, `push-episode-${idOf('push')}.webm`);
    const input = new Input({ source: new BufferSource(clip.bytes), formats: ALL_FORMATS });
    const track = (await input.getPrimaryVideoTrack())!;
    const { packetCount } = await track.computePacketStats();
    assert.deepEqual([packetCount, track.displayWidth], [20, 480]);
    const [w, , colours] = await lookAt(plain, clip.bytes, 'video/webm');
    assert.ok(w === 480 && colours > 200, `clip of width ${w} with ${colours} colours`);

    await page.locator('[data-testid=export-format]').getByText('GIF').click();
    const { name, bytes } = await saved();
    assert.match(name, /\.gif$/);
    const gif = decode(new Uint8Array(bytes));
    assert.deepEqual([gif.frames.length, gif.width, gif.frames[3]!.delay], [20, 480, 50]);
    await page.keyboard.press('Escape');
  });

  await step('a clip that is stopped saves nothing', async () => {
    await page.keyboard.press('Control+Shift+e');
    await page.getByTestId('export-fps').click();
    await page.getByRole('option', { name: '60' }).click();
    await page.getByTestId('export-make').click();
    await page.getByTestId('export-stop').click();
    await page.getByTestId('export-said').getByText('Stopped').waitFor();
    await page.keyboard.press('Escape');
  });

  await step(
    'all views go into one picture, each as it is alone, and into a clip; MP4 where it can be made',
    async () => {
      await page.goto('about:blank');
      await page.goto(`${url}#a=${idOf('push')}&b=${idOf('reach')}&t=1.5`);
      for (const name of ['a', 'b']) await page.getByTestId(`legend-${name}`).waitFor();
      await page.waitForTimeout(500);
      const [a, b] = await Promise.all(
        ['a', 'b'].map(async (name) => (await page.getByTestId(`stage-${name}`).boundingBox())!),
      );
      await page.keyboard.press('Control+Shift+p');
      await page.locator('[data-testid=export-factor]').getByText('1x').click();
      const choose = async (option: string): Promise<void> => {
        await page.getByTestId('export-of').click();
        await page.getByRole('option', { name: option }).click();
      };
      assert.equal(await page.getByTestId('export-of').inputValue(), 'All 2 views, as they stand');
      const all = await saved();
      assert.equal(all.name, `push-reach-episodes-${idOf('push')}-${idOf('reach')}-1.50s.png`);
      const left = Math.min(a!.x, b!.x);
      const top = Math.min(a!.y, b!.y);
      const [w, h] = await lookAt(plain, all.bytes, 'image/png');
      const wide = Math.max(a!.x + a!.width, b!.x + b!.width) - left;
      const high = Math.max(a!.y + a!.height, b!.y + b!.height) - top;
      assert.ok(Math.abs(w - wide) <= 2 && Math.abs(h - high) <= 2, `${w} x ${h} of ${wide} x ${high}`);
      const alone: Buffer[] = [];
      for (const view of ['View A', 'View B']) {
        await choose(view);
        alone.push((await saved()).bytes);
      }
      for (const [i, box] of [a!, b!].entries()) {
        const part = { ...box, x: box.x - left, y: box.y - top };
        const [own, other] = await Promise.all(
          [alone[i]!, alone[1 - i]!].map((bytes) => unlikeness(plain, all.bytes, part, bytes)),
        );
        assert.ok(
          own! < 4 && own! < other! / 2,
          `view ${i}: ${own} from its own picture, ${other} from the other`,
        );
      }
      await page.keyboard.press('Escape');

      await page.keyboard.press('Control+Shift+e');
      await page.getByTestId('export-from').fill('0.5');
      await page.getByTestId('export-to').fill('1');
      await page.getByTestId('export-width').click();
      await page.getByRole('option', { name: '480 px' }).click();
      const can = await page.evaluate(async () => {
        const found = await Promise.all(
          ['avc1.640028', 'hev1.1.6.L93.B0', 'av01.0.04M.08', 'vp09.00.31.08'].map((codec) =>
            VideoEncoder.isConfigSupported({ codec, width: 480, height: 240 }),
          ),
        );
        return found.some(({ supported }) => supported);
      });
      await picture('clip-all-dialog');
      if (!can) {
        await page.getByText('MP4: no encoder in this browser.').waitFor();
        return;
      }
      await page.locator('[data-testid=export-format]').getByText('MP4').click();
      const clip = await saved();
      assert.equal(clip.name, `push-reach-episodes-${idOf('push')}-${idOf('reach')}.mp4`);
      const input = new Input({ source: new BufferSource(clip.bytes), formats: ALL_FORMATS });
      assert.equal((await input.getFormat()).name, 'MP4');
      const track = (await input.getPrimaryVideoTrack())!;
      const { packetCount } = await track.computePacketStats();
      assert.deepEqual([packetCount, track.displayWidth], [10, 480]);
      assert.ok(Math.abs((await input.computeDuration()) - 0.5) < 0.02, `${await input.computeDuration()} s`);
      const [videoWidth, , colours] = await lookAt(plain, clip.bytes, 'video/mp4');
      assert.ok(videoWidth === 480 && colours > 200, `${videoWidth} wide, ${colours} colours`);
      await page.keyboard.press('Escape');
    },
  );

  assert.deepEqual(mistakes, []);
});
