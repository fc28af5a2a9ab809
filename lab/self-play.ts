/**
 * Two sides learn against each other: in every round each collects and learns once, in games of its own against opponents
 * drawn from a pool of the other side's past, its scripted policy and chance. What becomes better is measured against
 * opponents that do not change. docs/self-play.md
 */

import type { Algorithm, Learner, Metrics } from '../learn/algorithms/types.ts';
import type { Compute } from '../learn/tensor/compute.ts';
import { mixSeed } from '../sim/engine/random.ts';
import type { TaskModel } from '../sim/env.ts';
import type { AnySettings, Fields, Settings } from '../sim/fields.ts';
import { type FeedWriter, mostWatched } from './live-feed.ts';
import { type Player, Pool, playMatch, type Side, type Snapshot, sidesOf, snapshotOf } from './opponents.ts';
import type { Arrays } from './pack.ts';
import { episodeSeed } from './seeds.ts';
import { SideEnv } from './side-env.ts';

export const selfPlayFields = {
  snapshotEvery: {
    type: 'integer',
    default: 5,
    min: 1,
    max: 10_000,
    unit: 'rounds',
    help: 'Rounds between two copies of each learner that are put into the pool of opponents',
  },
  poolSize: {
    type: 'integer',
    default: 20,
    min: 1,
    max: 200,
    unit: 'copies',
    help: 'Most copies kept of each side; the oldest leave first',
  },
  newest: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'Chance that an episode is played against the newest copy of the other side',
  },
  scripted: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 1,
    help: "Chance that it is played against the other side's scripted policies; what is left is played against any copy",
  },
  random: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 1,
    help: 'Chance that it is played against random actions',
  },
  leastShare: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'Scripted opponents use a share of their actions that is drawn from here to 1',
  },
  earlyShare: {
    type: 'number',
    default: 0.1,
    min: 0.01,
    max: 0.9,
    help: 'Share of the training after which a copy of each side joins the fixed opponents of the evaluation',
  },
  games: {
    type: 'integer',
    default: 100,
    min: 2,
    max: 10_000,
    unit: 'games',
    help: 'Games against each fixed opponent in an evaluation, always from the same starts',
  },
} as const satisfies Fields;

export type SelfPlaySettings = Settings<typeof selfPlayFields>;

/** Whom each side is measured against, besides copies of the other side. */
const fixedPlayers: readonly (readonly [name: string, player: Player])[] = [
  ['random', { kind: 'random' }],
  ['scripted-50', { kind: 'scripted', share: 0.5 }],
  ['scripted-75', { kind: 'scripted', share: 0.75 }],
  ['scripted-100', { kind: 'scripted', share: 1 }],
];

/** Win rates are logged as `win/<side>/<opponent>`, shares of `games`. */
export const winRate = (side: string, opponent: string): string => `win/${side}/${opponent}`;

/** @throws RangeError naming what cannot be played against itself. */
export function checkSelfPlay(
  model: TaskModel,
  algorithm: Algorithm,
  algorithmSettings: AnySettings,
  settings: SelfPlaySettings,
): void {
  const worlds = algorithmSettings['worlds'] as number;
  for (const { id, agents } of sidesOf(model)) {
    if (worlds % agents.length === 0) continue;
    throw new RangeError(
      `Self-play: worlds is ${worlds}, wanted a multiple of ${agents.length}, the number of ${id}`,
    );
  }
  const sum = settings.newest + settings.scripted + settings.random;
  if (sum > 1 + 1e-9) {
    throw new RangeError(
      `Self-play: newest, scripted and random are ${settings.newest} + ${settings.scripted} + ${settings.random}, wanted at most 1 together`,
    );
  }
  if (algorithm.journal === true || algorithm.demonstrations === true) {
    throw new RangeError(
      `Self-play: ${algorithm.id} ${algorithm.journal === true ? 'has a replay buffer' : 'learns from demonstrations'}, wanted an algorithm that learns from what it plays, such as ppo`,
    );
  }
}

export interface SelfPlayOptions {
  readonly model: TaskModel;
  readonly algorithm: Algorithm;
  readonly algorithmSettings: AnySettings;
  readonly settings: SelfPlaySettings;
  readonly compute: Compute;
  readonly seed: number;
  readonly clock?: () => number;
  /** Where games are shown while somebody watches, in the order of `shownGames`. */
  readonly live?: FeedWriter;
}

/** A game of the half in which side `side` learns. */
export interface ShownGame {
  readonly side: 0 | 1;
  readonly game: number;
}

/** The games that can be watched: of both halves in turn, for each stands still while the other one plays. */
export function shownGames(sides: readonly [Side, Side], worlds: number): readonly ShownGame[] {
  const [first, second] = sides.map(({ agents }) => worlds / agents.length) as [number, number];
  const shown: ShownGame[] = [];
  for (let game = 0; game < Math.max(first, second); game++) {
    if (game < first) shown.push({ side: 0, game });
    if (game < second) shown.push({ side: 1, game });
  }
  return shown;
}

/** One side: its learner, its games, its past. */
interface Half {
  readonly side: Side;
  readonly learner: Learner;
  readonly env: SideEnv;
  /** Of this side, for the other one's games. */
  readonly pool: Pool;
  /** Copies of this side that the other one is measured against, by name. */
  readonly fixed: Map<'untrained' | 'early', Snapshot>;
  readonly window: { games: number; won: number; diverged: number };
}

export class SelfPlay {
  readonly #options: SelfPlayOptions;
  readonly #sides: readonly [Side, Side];
  readonly #halves: readonly [Half, Half];
  readonly #shown: readonly ShownGame[];
  #rounds = 0;
  #serial = 0;

  private constructor(options: SelfPlayOptions, learners: readonly [Learner, Learner]) {
    const { model, algorithmSettings, settings, seed } = options;
    this.#options = options;
    this.#sides = sidesOf(model);
    const { live } = options;
    this.#shown =
      live === undefined
        ? []
        : shownGames(this.#sides, algorithmSettings['worlds'] as number).slice(0, mostWatched);
    const onStep = live === undefined ? undefined : () => this.#show(live);
    const pools = this.#sides.map(
      () =>
        new Pool(settings.poolSize, {
          scripted: settings.scripted,
          random: settings.random,
          newest: settings.newest,
          leastShare: settings.leastShare,
        }),
    );
    const half = (s: 0 | 1): Half => {
      const window = { games: 0, won: 0, diverged: 0 };
      return {
        side: this.#sides[s],
        learner: learners[s],
        pool: pools[s]!,
        fixed: new Map(),
        window,
        env: new SideEnv({
          model,
          side: this.#sides[s],
          opponents: this.#sides[1 - s]!,
          count: algorithmSettings['worlds'] as number,
          pool: pools[1 - s]!,
          seed: mixSeed(episodeSeed('learner', seed, s), 1),
          seedOf: (index) => episodeSeed('training', seed, 2 * index + s),
          onEnd: ({ won, diverged }) => {
            window.games++;
            if (won) window.won++;
            if (diverged) window.diverged++;
          },
          ...(onStep === undefined ? {} : { onStep }),
        }),
      };
    };
    this.#halves = [half(0), half(1)];
  }

  /** @throws RangeError as `checkSelfPlay` and the algorithm do. */
  static async create(options: SelfPlayOptions): Promise<SelfPlay> {
    const { model, algorithm, algorithmSettings, settings } = options;
    checkSelfPlay(model, algorithm, algorithmSettings, settings);
    const learners = bothOf((s) => algorithm.create(algorithmSettings, setupOf(options, s)));
    const made = new SelfPlay(options, learners);
    try {
      for (const half of made.#halves) half.fixed.set('untrained', await made.#copy(half));
      for (const { env } of made.#halves) env.start();
    } catch (error) {
      made.dispose();
      throw error;
    }
    return made;
  }

  /** Continues exactly where `save` was called. @throws RangeError when the arrays belong to another game. */
  static resume(options: SelfPlayOptions, saved: Arrays): SelfPlay {
    const { model, algorithm, algorithmSettings, settings } = options;
    checkSelfPlay(model, algorithm, algorithmSettings, settings);
    const learners = bothOf((s) =>
      algorithm.resume(bytesOf(saved, `learner${s}`), algorithmSettings, setupOf(options, s)),
    );
    const made = new SelfPlay(options, learners);
    try {
      made.#restore(saved);
    } catch (error) {
      made.dispose();
      throw error;
    }
    return made;
  }

  /** Of each side's learner: both have taken as many. */
  get steps(): number {
    return this.#halves[0].learner.steps;
  }

  get sides(): readonly [Side, Side] {
    return this.#sides;
  }

  /** Agent 0's side. */
  get learner(): Learner {
    return this.#halves[0].learner;
  }

  /** Lays the first games where the lab can see them, while somebody watches. */
  #show(live: FeedWriter): void {
    if (!live.isDue(performance.now())) return;
    const { stateDim } = this.#options.model;
    const states = new Float64Array(this.#shown.length * stateDim);
    const returns = new Float64Array(this.#shown.length);
    for (const [i, { side, game }] of this.#shown.entries()) {
      const { env } = this.#halves[side];
      states.set(env.states.subarray(game * stateDim, (game + 1) * stateDim), i * stateDim);
      returns[i] = env.returns[game]!;
    }
    live.publish(this.steps, states, returns, undefined, []);
  }

  /** Each side collects and learns once. Metrics of the learners are named `<metric>/<side>`. */
  async round(): Promise<Metrics> {
    const values: Record<string, number> = {};
    for (const { side, learner, env, window } of this.#halves) {
      const own = await learner.iterate(env);
      for (const [name, value] of Object.entries(own)) values[`${name}/${side.id}`] = value;
      if (window.games > 0) {
        values[`rollout/won/${side.id}`] = window.won / window.games;
        values[`rollout/diverged/${side.id}`] = window.diverged / window.games;
        window.games = window.won = window.diverged = 0;
      }
    }
    this.#rounds++;
    const { settings, algorithmSettings } = this.#options;
    const early = settings.earlyShare * (algorithmSettings['steps'] as number);
    const isDue = this.#rounds % settings.snapshotEvery === 0;
    for (const half of this.#halves) {
      const isEarly = this.steps >= early && !half.fixed.has('early');
      if (!isDue && !isEarly) continue;
      const copy = await this.#copy(half, isDue);
      if (isEarly) half.fixed.set('early', copy);
    }
    return values;
  }

  /** A copy of a learner; into its pool, too, unless that is not wanted. */
  async #copy(half: Half, intoPool = true): Promise<Snapshot> {
    const bytes = (await half.learner.save()).slice();
    const snapshot = snapshotOf(this.#options.algorithm, this.#serial++, this.#rounds, bytes);
    const opponent = half === this.#halves[0] ? this.#halves[1] : this.#halves[0];
    if (intoPool) half.pool.add(snapshot, (serial) => opponent.env.isPlaying(serial));
    return snapshot;
  }

  /** Win rates of both sides' present policies against opponents that stay the same, from starts that stay the same. */
  async evaluate(): Promise<Metrics> {
    const { model, settings } = this.#options;
    const seeds = Array.from({ length: settings.games }, (_, i) => episodeSeed('shortEvaluation', 0, i));
    const values: Record<string, number> = {};
    for (const [s, half] of this.#halves.entries()) {
      const self: Player = { kind: 'policy', policy: await half.learner.policy() };
      const copies = [...this.#halves[1 - s]!.fixed].map(
        ([name, { policy }]) => [name, { kind: 'policy', policy } as Player] as const,
      );
      for (const [name, player] of [...fixedPlayers, ...copies]) {
        const { won } = playMatch(model, this.#sides, s === 0 ? [self, player] : [player, self], seeds);
        // Of all games: one that broke off was not won.
        values[winRate(half.side.id, name)] = won[s]! / settings.games;
      }
    }
    return values;
  }

  /** Learners, games in progress, pools: everything. */
  async save(): Promise<Arrays> {
    const saved: Record<string, Arrays[string]> = {
      counters: Float64Array.of(this.#rounds, this.#serial),
    };
    for (const [s, { learner, env, pool, fixed }] of this.#halves.entries()) {
      saved[`learner${s}`] = await learner.save();
      for (const [name, array] of Object.entries(env.save())) saved[`env${s}/${name}`] = array;
      const copies = new Map([...pool.snapshots, ...fixed.values()].map((copy) => [copy.serial, copy]));
      saved[`copies${s}`] = Float64Array.from([...copies.values()].flatMap((c) => [c.serial, c.round]));
      for (const { serial, bytes } of copies.values()) saved[`copy${serial}`] = bytes;
      saved[`pool${s}`] = Float64Array.from(pool.snapshots, ({ serial }) => serial);
      for (const [name, { serial }] of fixed) saved[`fixed${s}/${name}`] = Float64Array.of(serial);
    }
    return saved;
  }

  #restore(saved: Arrays): void {
    const [rounds, serial] = numbersOf(saved, 'counters');
    this.#rounds = rounds!;
    this.#serial = serial!;
    for (const [s, { pool, fixed }] of this.#halves.entries()) {
      const listed = numbersOf(saved, `copies${s}`);
      const copies = new Map<number, Snapshot>();
      for (let i = 0; i < listed.length; i += 2) {
        const [own, round] = [listed[i]!, listed[i + 1]!];
        copies.set(own, snapshotOf(this.#options.algorithm, own, round, bytesOf(saved, `copy${own}`)));
      }
      pool.restore(Array.from(numbersOf(saved, `pool${s}`), (own) => copies.get(own)!));
      for (const name of ['untrained', 'early'] as const) {
        const found = saved[`fixed${s}/${name}`];
        if (found !== undefined) fixed.set(name, copies.get(found[0]!)!);
      }
    }
    for (const [s, { env }] of this.#halves.entries()) {
      const of = (name: string): Float64Array => numbersOf(saved, `env${s}/${name}`);
      const hasReturns = saved[`env${s}/returns`] !== undefined;
      env.restore({
        states: of('states'),
        drawn: of('drawn'),
        random: of('random'),
        started: of('started'),
        ...(hasReturns ? { returns: of('returns') } : {}),
      });
    }
  }

  dispose(): void {
    for (const { learner } of this.#halves) learner.dispose();
  }
}

const bothOf = <T>(make: (s: 0 | 1) => T): readonly [T, T] => [make(0), make(1)];

function setupOf({ model, algorithmSettings, compute, seed, clock }: SelfPlayOptions, s: 0 | 1) {
  const { observationDim, actionDim } = sidesOf(model)[s];
  return {
    observationDim,
    actionDim,
    choices: [],
    count: algorithmSettings['worlds'] as number,
    compute,
    seed: episodeSeed('learner', seed, s),
    ...(clock === undefined ? {} : { clock }),
  };
}

function numbersOf(saved: Arrays, name: string): Float64Array {
  const array = saved[name];
  if (array instanceof Float64Array) return array;
  throw new RangeError(`Checkpoint: found no ${name} in it, wanted one of self-play`);
}

function bytesOf(saved: Arrays, name: string): Uint8Array {
  const array = saved[name];
  if (array instanceof Uint8Array) return array;
  throw new RangeError(`Checkpoint: found no ${name} in it, wanted one of self-play`);
}
