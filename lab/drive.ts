/**
 * Driving: a fork whose actions come one by one from a window. A session holds the branch; the window says what its keys say and gets the
 * frames. Few at a time; one that nobody touches is stored after a while if something was driven, else thrown away.
 */

import { randomUUID } from 'node:crypto';
import type { DriveFrame, DriveKey, ForkActor, ForkReward } from './api/forks.ts';
import type { OpenedEpisode } from './api.ts';
import type { Branch } from './branch.ts';
import { actionOfKeys, type DriveHand, driveKeys, newHand, waitsForKeys } from './drive-keys.ts';
import { messageOf, UsageError } from './errors.ts';
import {
  catchUp,
  closedProblem,
  follow,
  movesFor,
  newBranch,
  openParent,
  openPay,
  type Parent,
  type Pay,
  refuseReader,
  sharedFrames,
  storeFork,
} from './forks.ts';
import type { Lab } from './lab.ts';
import { type Mover, openMover } from './movers.ts';
import { pace } from './pace.ts';
import { pack } from './pack.ts';
import { toNative, toUnit } from './unit-actions.ts';

/** Sessions at a time, and milliseconds after which an untouched one ends. */
const mostSessions = 4;
export const idleMs = 300_000;

interface Session {
  readonly id: string;
  readonly parent: Parent;
  readonly pay: Pay;
  readonly branch: Branch;
  readonly keys: readonly DriveKey[];
  readonly hand: DriveHand;
  /** Who drove from which frame on; the last one drives now. */
  readonly turns: { readonly words: string; readonly from: number }[];
  /** By what they were asked for with. */
  readonly movers: Map<string, Mover>;
  /** The newest action, in [-1, 1] or options. */
  readonly unit: Float64Array;
  /** A step at a time, in the order in which they were asked for. */
  last: Promise<unknown>;
  timer: NodeJS.Timeout | undefined;
}

export interface DriveAsk {
  readonly session: string;
  readonly steps: number;
  readonly action?: readonly number[] | undefined;
  readonly keys?: readonly string[] | undefined;
  readonly by?: ForkActor | undefined;
}

export class Drives {
  readonly #lab: Lab;
  readonly #idleMs: number;
  readonly #sessions = new Map<string, Session>();

  constructor(lab: Lab, untouchedMs = idleMs) {
    this.#lab = lab;
    this.#idleMs = untouchedMs;
    lab.onClose(() => this.close());
  }

  /** @throws UsageError as a fork of that frame, or with too many sessions. */
  async start(ask: {
    readonly episodeId: number;
    readonly frame: number;
    readonly state?: readonly (number | null)[] | undefined;
    readonly reward: ForkReward;
  }): Promise<{
    session: string;
    opened: OpenedEpisode;
    keys: DriveKey[];
    waits: boolean;
    horizon: number;
    idleMs: number;
  }> {
    if (this.#sessions.size >= mostSessions) {
      throw new UsageError([
        `drive: found ${this.#sessions.size} sessions, at most ${mostSessions} at a time; finish one of them`,
      ]);
    }
    const lab = this.#lab;
    const parent = openParent(lab, ask.episodeId, ask.frame, ask.state);
    const closed = closedProblem(parent);
    if (closed !== null) throw new UsageError([closed]);
    const pay = openPay(lab, parent, ask.reward);
    const { model, row, actions, frame } = parent;
    const { dim } = model.actionSpace;
    const branch = newBranch(parent, pay, null);
    await follow(branch, parent, sharedFrames(parent), null, pace());
    const keys = driveKeys(model.actionSpace);
    const last = frame === 0 ? null : actions.slice((frame - 1) * dim, frame * dim);
    if (last !== null) toUnit(model.actionSpace, last, 0);
    const session: Session = {
      id: randomUUID(),
      parent,
      pay,
      branch,
      keys,
      hand: newHand(model.actionSpace, keys, last),
      turns: [],
      movers: new Map(),
      unit: new Float64Array(dim),
      last: Promise.resolve(),
      timer: undefined,
    };
    this.#sessions.set(session.id, session);
    this.#touch(session);
    const { data: _, ...episode } = { ...lab.episode(row.id), data: null };
    return {
      session: session.id,
      opened: {
        episode: {
          ...episode,
          length: branch.frame,
          ending: 'truncated',
          success: branch.success,
          returnTotal: branch.returnTotal,
          finalProgress: model.progress(branch.state, 0),
        },
        bodies: model.bodies.map((body) => structuredClone(body)) as OpenedEpisode['bodies'],
        stages: model.stages.map((stage) => ({ ...stage })),
        controlDt: model.controlDt,
        terms: branch.stack.terms.map(({ id }) => id),
        learned: branch.learned.map((method) => ({ key: `learned/${method}`, title: method, modelHash: '' })),
        discount: null,
        data: pack(branch.arrays(0)),
      },
      keys,
      waits: waitsForKeys(model.actionSpace),
      horizon: model.horizon,
      idleMs: this.#idleMs,
    };
  }

  /** @throws UsageError on no such session, one that has ended, or not exactly one way to act. */
  step(ask: DriveAsk): Promise<DriveFrame> {
    const session = this.#find(ask.session);
    const mine = session.last.then(() => this.#step(session, ask));
    session.last = mine.catch(() => undefined);
    return mine;
  }

  async #step(session: Session, ask: DriveAsk): Promise<DriveFrame> {
    const { branch, parent, hand, keys, unit } = session;
    const { actionSpace } = parent.model;
    const ways = [ask.action, ask.keys, ask.by].filter((one) => one !== undefined).length;
    if (ways !== 1)
      throw new UsageError([`drive: found ${ways} of action, keys and by, wanted exactly one of them`]);
    if (branch.ending !== null)
      throw new UsageError([`drive: the episode ended as ${branch.ending}; finish the session`]);
    if (ask.action !== undefined) checkAction(ask.action, actionSpace);
    const native = new Float64Array(actionSpace.dim);
    const from = branch.frame;
    const pause = pace();
    const mover = ask.by === undefined ? undefined : await this.#mover(session, ask.by, pause);
    for (let n = 0; n < ask.steps && branch.ending === null; n++) {
      let action: Float64Array;
      if (mover !== undefined) {
        const moved = mover.act(branch);
        if (moved === null) break;
        action = moved;
        unit.set(moved);
        toUnit(actionSpace, unit, 0);
      } else {
        if (ask.action !== undefined) unit.set(ask.action);
        else actionOfKeys(actionSpace, keys, ask.keys!, hand, unit);
        action = toNative(actionSpace, unit.slice(), native);
      }
      this.#others(session, mover);
      branch.step(action.slice());
      await pause();
    }
    if (branch.frame > from) this.#turn(session, mover?.words ?? 'keyboard', from);
    this.#touch(session);
    return this.#frame(session, from + 1);
  }

  /** Those that remember and are not at the wheel watch. */
  #others({ movers, branch }: Session, driver: Mover | undefined): void {
    for (const mover of movers.values()) {
      if (mover !== driver && mover.remembers) mover.see(branch.state.slice(), branch.observation.slice());
    }
  }

  async #mover(session: Session, by: ForkActor, pause: () => Promise<void>): Promise<Mover> {
    const key = JSON.stringify(by);
    const there = session.movers.get(key);
    if (there !== undefined) return there;
    const mover = openMover(this.#lab, by, session.parent.model, movesFor(session.parent));
    await catchUp(mover, session.branch, pause);
    session.movers.set(key, mover);
    return mover;
  }

  #turn({ turns }: Session, words: string, from: number): void {
    if (turns.at(-1)?.words !== words) turns.push({ words, from });
  }

  async frame({
    session: id,
    from,
  }: {
    readonly session: string;
    readonly from: number;
  }): Promise<DriveFrame> {
    const session = this.#find(id);
    this.#touch(session);
    return this.#frame(session, from);
  }

  #frame({ id, branch, unit }: Session, wanted: number): DriveFrame {
    const from = Math.min(wanted, branch.frame);
    return {
      session: id,
      frame: branch.frame,
      from,
      ending: branch.ending,
      success: branch.success,
      returnTotal: branch.returnTotal,
      action: [...unit],
      data: pack(branch.arrays(from)),
    };
  }

  /** @throws UsageError on no such session, or where it shall be kept and cannot be: it then stays. */
  async finish(ask: {
    readonly session: string;
    readonly keep: boolean;
    readonly mark: 'success' | 'failure' | null;
  }): Promise<{ id: number | null }> {
    const session = this.#find(ask.session);
    await session.last;
    if (ask.keep) {
      refuseReader(this.#lab);
      if (session.turns.length === 0)
        throw new UsageError([
          `drive: nothing was driven since frame ${session.parent.frame}; throw it away`,
        ]);
    }
    this.#end(session);
    return { id: ask.keep ? this.#store(session, ask.mark === null ? '' : `, called a ${ask.mark}`) : null };
  }

  #store({ parent, pay, branch, turns, movers }: Session, words: string): number {
    const [first, ...rest] = turns;
    const who = [first!.words, ...rest.map(({ words, from }) => `${words} from step ${from}`)].join(
      ', then ',
    );
    const used = [...movers.values()].filter((mover) => turns.some((turn) => turn.words === mover.words));
    return storeFork(this.#lab, parent, pay, branch.finish(), `${who}${pay.words}${words}`, used).id;
  }

  #find(id: string): Session {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session;
    throw new UsageError([
      'drive: there is no such session; it was finished, or nobody touched it and it ended by itself',
    ]);
  }

  #touch(session: Session): void {
    clearTimeout(session.timer);
    session.timer = setTimeout(() => this.#abandon(session), this.#idleMs);
    session.timer.unref();
  }

  #end(session: Session): void {
    clearTimeout(session.timer);
    this.#sessions.delete(session.id);
  }

  /** Nobody came back: what was driven is kept, for it cannot be driven again. */
  #abandon(session: Session): void {
    this.#end(session);
    if (session.turns.length === 0 || this.#lab.store.readOnly) return;
    try {
      const id = this.#store(session, ', abandoned');
      this.#lab.log.info({ episode: id }, 'an abandoned drive was stored');
    } catch (error) {
      this.#lab.log.error({ err: messageOf(error) }, 'an abandoned drive could not be stored');
    }
  }

  close(): void {
    for (const session of [...this.#sessions.values()]) this.#abandon(session);
  }
}

function checkAction(action: readonly number[], space: Parent['model']['actionSpace']): void {
  const wanted =
    space.type === 'discrete' ? `a whole number from 0 to ${space.n - 1}` : `${space.dim} numbers in [-1, 1]`;
  const isFine =
    action.length === space.dim &&
    action.every((a) =>
      space.type === 'discrete' ? Number.isInteger(a) && a >= 0 && a < space.n : a >= -1 && a <= 1,
    );
  if (!isFine) throw new UsageError([`drive: found the action [${action.join(', ')}], wanted ${wanted}`]);
}
