/** Which small pictures are asked for, drawn, kept and thrown away. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Found, PictureQueue, type QueueOptions } from '../../renderer/state/picture-queue.ts';

interface Picture {
  readonly of: string;
  isClosed: boolean;
}

/** A world whose time is turned by hand. */
class Desk {
  readonly asked: number[][] = [];
  readonly drawn: string[] = [];
  readonly pictures: Picture[] = [];
  /** Ids that are gone. */
  readonly gone = new Set<number>();
  /** Wanted, but not on screen. */
  readonly outside = new Set<number>();
  isQuiet = true;
  now = 0;
  /** Answers are held back until `answer` is called. */
  isSlow = false;
  failing: Error | null = null;
  readonly signals: AbortSignal[] = [];
  #timers: { at: number; run: () => void }[] = [];
  #answers: (() => void)[] = [];
  readonly queue: PictureQueue<string, Picture>;

  constructor(options: Partial<QueueOptions> = {}) {
    this.queue = new PictureQueue<string, Picture>(
      {
        fetch: async (ids, signal) => {
          this.asked.push([...ids]);
          this.signals.push(signal);
          if (this.isSlow) await new Promise<void>((resolve) => this.#answers.push(resolve));
          return new Map(
            ids.map((id): [number, Found<string>] => [
              id,
              this.gone.has(id)
                ? { type: 'absent', reason: `no episode ${id}` }
                : { type: 'scene', scene: `scene ${id}`, bytes: 100 },
            ]),
          );
        },
        draw: async (scene, moment) => {
          if (this.isSlow) await new Promise<void>((resolve) => this.#answers.push(resolve));
          if (this.failing) throw this.failing;
          const picture = { of: `${scene} at ${moment}`, isClosed: false };
          this.drawn.push(picture.of);
          this.pictures.push(picture);
          return picture;
        },
        bytesOf: () => 1000,
        close: (picture) => {
          assert.equal(picture.isClosed, false);
          picture.isClosed = true;
        },
        isInView: (id) => !this.outside.has(id),
        isQuiet: () => this.isQuiet,
        idle: (run) => this.#timer(0, run),
        later: (milliseconds, run) => this.#timer(milliseconds, run),
      },
      {
        moments: 3,
        still: 2,
        budget: 1_000_000,
        batch: 4,
        settleMs: 300,
        lookMs: 100,
        gapMs: () => 50,
        retryMs: 1000,
        ...options,
      },
    );
  }

  #timer(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.now + milliseconds, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  get waiting(): number {
    return this.#timers.length;
  }

  get open(): number {
    return this.pictures.filter(({ isClosed }) => !isClosed).length;
  }

  /** Answers what was held back. */
  async answer(): Promise<void> {
    for (const resolve of this.#answers.splice(0)) resolve();
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  async pass(milliseconds: number): Promise<void> {
    const until = this.now + milliseconds;
    for (;;) {
      await this.settle();
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.now = next.at;
      next.run();
    }
    this.now = until;
    await this.settle();
  }
}

const nothing = (): void => undefined;

test('what comes into view is asked for together once it stays, and its last frames are drawn one after the other', async () => {
  const desk = new Desk();
  let changes = 0;
  for (const id of [7, 8, 9])
    desk.queue.want(id, () => {
      changes++;
    });
  await desk.pass(299);
  assert.deepEqual(desk.asked, []);
  await desk.pass(1);
  assert.deepEqual([desk.asked, desk.drawn], [[[7, 8, 9]], ['scene 7 at 2']]);
  await desk.pass(49);
  assert.equal(desk.drawn.length, 1);
  await desk.pass(1000);
  assert.deepEqual(desk.drawn, ['scene 7 at 2', 'scene 8 at 2', 'scene 9 at 2']);
  assert.equal(changes, 6);
  assert.equal(desk.waiting, 0);
  assert.equal(desk.queue.entry(8)!.pictures[2]!.of, 'scene 8 at 2');
  // Again in view: nothing is left to do.
  desk.queue.want(8, nothing);
  await desk.pass(1000);
  assert.deepEqual([desk.asked.length, desk.drawn.length], [1, 3]);
});

test('nothing is asked for or drawn while something moves', async () => {
  const desk = new Desk();
  desk.isQuiet = false;
  desk.queue.want(1, nothing);
  desk.queue.want(2, nothing);
  await desk.pass(5000);
  assert.deepEqual([desk.asked, desk.drawn], [[], []]);
  desk.isQuiet = true;
  await desk.pass(100);
  assert.deepEqual([desk.asked, desk.drawn], [[[1, 2]], ['scene 1 at 2']]);
  desk.isQuiet = false;
  await desk.pass(5000);
  assert.equal(desk.drawn.length, 1);
  desk.isQuiet = true;
  await desk.pass(150);
  assert.equal(desk.drawn.length, 2);
});

test('what leaves the view before its turn is neither asked for nor drawn, and a question about it alone is called off', async () => {
  const desk = new Desk();
  const leave = [1, 2, 3].map((id) => desk.queue.want(id, nothing));
  leave[0]!();
  await desk.pass(300);
  assert.deepEqual([desk.asked, desk.drawn], [[[2, 3]], ['scene 2 at 2']]);
  leave[2]!();
  await desk.pass(1000);
  assert.deepEqual(desk.drawn, ['scene 2 at 2']);

  desk.isSlow = true;
  const leaveFour = desk.queue.want(4, nothing);
  const leaveFive = desk.queue.want(5, nothing);
  await desk.pass(1000);
  assert.deepEqual(desk.asked.at(-1), [4, 5]);
  leaveFour();
  assert.equal(desk.signals.at(-1)!.aborted, false);
  leaveFive();
  assert.equal(desk.signals.at(-1)!.aborted, true);
  await desk.answer();
  await desk.pass(1000);
  assert.deepEqual([desk.queue.entry(4), desk.drawn.length], [undefined, 1]);
  // Whoever comes back is asked for again.
  desk.isSlow = false;
  desk.queue.want(4, nothing);
  await desk.pass(1000);
  assert.equal(desk.drawn.at(-1), 'scene 4 at 2');
});

test('what is just outside the view waits until it comes in', async () => {
  const desk = new Desk();
  desk.outside.add(2);
  for (const id of [1, 2]) desk.queue.want(id, nothing);
  await desk.pass(5000);
  assert.deepEqual([desk.asked, desk.drawn, desk.waiting], [[[1]], ['scene 1 at 2'], 0]);
  desk.outside.clear();
  desk.queue.look();
  await desk.pass(5000);
  assert.deepEqual(
    [desk.asked, desk.drawn],
    [
      [[1], [2]],
      ['scene 1 at 2', 'scene 2 at 2'],
    ],
  );
});

test('all moments of the row under the pointer come before the others', async () => {
  const desk = new Desk();
  for (const id of [1, 2, 3, 4]) desk.queue.want(id, nothing);
  await desk.pass(300);
  const content = desk.queue.wantAll(3);
  await desk.pass(150);
  assert.deepEqual(desk.drawn, ['scene 1 at 2', 'scene 3 at 0', 'scene 3 at 1', 'scene 3 at 2']);
  content();
  desk.queue.wantAll(4)();
  await desk.pass(1000);
  assert.deepEqual(desk.drawn.slice(4), ['scene 2 at 2', 'scene 4 at 2']);
});

test('what was not looked at for longest is thrown away over the budget, never what is in view', async () => {
  // Each takes 1,000 for its picture, 100 for its scene and 200 beside.
  const desk = new Desk({ budget: 4000 });
  const leave = new Map([1, 2, 3].map((id) => [id, desk.queue.want(id, nothing)] as const));
  await desk.pass(2000);
  assert.deepEqual([desk.queue.size, desk.queue.bytes, desk.open], [3, 3900, 3]);
  for (const one of leave.values()) one();
  // Looked at again, so number 2 is now the oldest.
  desk.queue.want(1, nothing)();
  const more = [4, 5].map((id) => desk.queue.want(id, nothing));
  await desk.pass(2000);
  assert.deepEqual(
    [1, 2, 3, 4, 5].filter((id) => desk.queue.entry(id)),
    [1, 4, 5],
  );
  assert.deepEqual([desk.queue.bytes, desk.open], [3900, 3]);
  const rest = [6, 7, 8, 9].map((id) => desk.queue.want(id, nothing));
  await desk.pass(2000);
  assert.deepEqual([desk.queue.size, desk.queue.bytes], [6, 7800]);
  for (const one of [...more, ...rest]) one();
  desk.queue.want(10, nothing);
  await desk.pass(2000);
  assert.deepEqual([desk.queue.bytes, desk.open], [3900, 3]);
});

test('closing gives every picture back, also one that is just being drawn, and later wishes begin anew', async () => {
  const desk = new Desk();
  const leave = [1, 2].map((id) => desk.queue.want(id, nothing));
  desk.queue.wantAll(1);
  await desk.pass(2000);
  assert.equal(desk.open, 4);
  desk.isSlow = true;
  leave.push(desk.queue.want(3, nothing));
  await desk.pass(300);
  await desk.answer();
  await desk.pass(300);
  desk.queue.clear();
  for (const one of leave) one();
  await desk.answer();
  await desk.pass(5000);
  assert.equal(desk.pictures.length, 5);
  assert.deepEqual([desk.queue.size, desk.queue.bytes, desk.open, desk.waiting], [0, 0, 0, 0]);
  desk.isSlow = false;
  desk.queue.want(1, nothing);
  await desk.pass(2000);
  assert.deepEqual([desk.asked.at(-1), desk.open], [[1], 1]);
});

test('another colour scheme throws pictures away and asks for nothing anew', async () => {
  const desk = new Desk();
  desk.queue.want(1, nothing);
  await desk.pass(2000);
  desk.queue.dropPictures();
  assert.deepEqual([desk.open, desk.queue.entry(1)!.pictures], [0, [null, null, null]]);
  await desk.pass(2000);
  assert.deepEqual([desk.asked.length, desk.drawn.length, desk.open], [1, 2, 1]);
});

test('what is gone has a reason and no picture; what cannot be drawn is given up after three tries', async () => {
  const desk = new Desk();
  desk.gone.add(2);
  desk.queue.want(1, nothing);
  desk.queue.want(2, nothing);
  await desk.pass(2000);
  assert.equal(desk.queue.entry(2)!.absent, 'no episode 2');
  assert.deepEqual(desk.drawn, ['scene 1 at 2']);
  desk.failing = new Error('no WebGL');
  desk.queue.want(3, nothing);
  await desk.pass(60_000);
  assert.equal(desk.queue.entry(3)!.absent, 'no WebGL');
  assert.equal(desk.waiting, 0);
});
