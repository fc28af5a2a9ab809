/**
 * The state probe: every reward term, the truth and every reward model of a task, at states that somebody made out of a recorded frame.
 * Nothing is stored and nothing is remembered between calls but what can be worked out again. See docs/probe.md.
 *
 * All questions go one way, `rows`: sound? -> the step that leads out -> terms, truth, models, distances. A single evaluation, a
 * sweep and a field differ only in how many rows they bring.
 */

import type { Critic } from '../learn/algorithms/types.ts';
import { unpackModel } from '../learn/rewards/bytes.ts';
import { rewards } from '../learn/rewards/index.ts';
import { openSenses, type Senses } from '../learn/rewards/senses.ts';
import { createStack, type RewardStack, ruleOf, type StackEntry } from '../learn/rewards/stack.ts';
import type { OnlineScorer, RewardModel } from '../learn/rewards/types.ts';
import { fitNormaliser, type Normaliser } from '../learn/rewards/window.ts';
import type { TaskModel } from '../sim/env.ts';
import type { EpisodeRow, ModelRow, RunRow } from '../store/types.ts';
import type { ProbeEvaluated, ProbeOpened, ProbeQuantity, ProbeRange, ProbeStep } from './api/probe.ts';
import { openCheckpoint } from './checkpoint.ts';
import { messageOf, UsageError } from './errors.ts';
import type { Experiment } from './experiment.ts';
import type { Lab } from './lab.ts';
import { elementName, findHandles, gradientOf, Neighbours, rangeOf, stateProblem } from './landscape.ts';
import { pace } from './pace.ts';
import { pack } from './pack.ts';
import { checkFor, placesOf, problemOf, spread, wantState } from './probe-checks.ts';
import { algorithmNamed, learnedReward, rewardNamed } from './registry.ts';
import { framesOf, replay, taskModelOf } from './replay.ts';

/** Rows that go through stack and models together; a scorer is opened for each of these sizes. */
const blockSizes = [1, 16, 256] as const;
/** Points of a field at most. */
const mostPoints = 70_000;
/** Training frames that distances are measured from, at most. */
const mostFrames = 5000;
const keptEpisodes = 4;
const keptModels = 12;
const keptHistories = 64;

export interface ProbeAt {
  readonly episodeId: number;
  readonly frame: number;
}

export interface ProbeAsk extends ProbeAt {
  readonly state: readonly (number | null)[];
  readonly step: ProbeStep;
}

/** A stored episode, replayed, and what its run paid. */
interface Scene {
  readonly row: EpisodeRow;
  readonly run: RunRow;
  readonly model: TaskModel;
  /** [T + 1, stateDim] */
  readonly states: Float64Array;
  /** [T, actionDim] */
  readonly actions: Float64Array;
  readonly entries: readonly StackEntry[];
  readonly gamma: number;
  /** The terms are those that the run was paid by, not merely those of the task. */
  readonly isOwn: boolean;
  readonly stackWords: string;
  /** Recorded weights of each term, where there are some. [T] */
  readonly weights: ReadonlyMap<string, ArrayLike<number>>;
  readonly critic: { readonly critic: Critic; readonly words: string } | { readonly missing: string };
  /** By number of worlds. */
  readonly stacks: Map<number, RewardStack>;
}

/** A stored model, ready to score this task's states; `missing`: why it cannot. */
interface Scorable {
  readonly row: ModelRow;
  readonly title: string;
  readonly baseline: boolean;
  readonly model: RewardModel | null;
  readonly missing: string | null;
  readonly remembers: boolean;
  readonly senses: Senses | null;
  /** By number of worlds. */
  readonly scorers: Map<number, OnlineScorer>;
  /** Undefined: not asked for yet. */
  neighbours?: Promise<Neighbours | string>;
}

/** What one of many rows came to; NaN where it could not be had. Each [rows]. */
interface Answers {
  readonly values: ReadonlyMap<string, Float64Array>;
  /** Why rows were refused: how many, and the first reason. */
  readonly refused: number;
  readonly why: string | null;
}

class Kept<K, V> {
  readonly #most: number;
  readonly #items = new Map<K, V>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: K, make: () => V): V {
    const known = this.#items.get(key);
    this.#items.delete(key);
    const value = known ?? make();
    this.#items.set(key, value);
    for (const old of this.#items.keys()) {
      if (this.#items.size <= this.#most) break;
      this.#items.delete(old);
    }
    return value;
  }
}

export class StateProbe {
  readonly #lab: Lab;
  readonly #scenes = new Kept<number, Scene>(keptEpisodes);
  readonly #scorables = new Kept<string, Scorable>(keptModels);
  /** What a model or a stack remembers before a frame. */
  readonly #histories = new Kept<string, Float64Array>(keptHistories);

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** @throws RangeError when there is no such episode or its task is gone; UsageError when there is no such frame. */
  open(at: ProbeAt): ProbeOpened {
    const scene = this.#scene(at);
    const { model } = scene;
    const dim = model.stateDim;
    const state = scene.states.slice(at.frame * dim, (at.frame + 1) * dim);
    const scorables = this.#models(scene);
    return {
      task: model.id,
      frame: at.frame,
      state: [...state],
      layout: model.stateLayout.map((field) => ({ ...field })),
      guardDim: model.guardDim ?? dim,
      handles: findHandles(model, state),
      quantities: this.#quantities(scene),
      models: scorables.map(({ row, title, missing, remembers, baseline }) => ({
        id: row.id,
        method: row.method,
        title: `${title} (model ${row.id})`,
        hash: row.hash,
        remembers,
        baseline,
        missing,
      })),
      action: stepWords(scene, at.frame, 'recorded'),
      stack: scene.stackWords,
    };
  }

  /** @throws UsageError on a state that no episode can have. */
  async evaluate(
    ask: ProbeAsk & { readonly models?: readonly number[] | undefined },
    signal?: AbortSignal,
  ): Promise<ProbeEvaluated> {
    const scene = this.#scene(ask);
    const { model } = scene;
    const state = wantState(model, ask.state);
    const scorables = this.#models(scene).filter(({ row }) => ask.models?.includes(row.id) ?? true);
    const able = scorables.filter(({ missing }) => missing === null);
    const stack = this.#stack(scene, 1);
    const wanted = [
      ...stack.terms.flatMap(({ id }) => [`raw/${id}`, `paid/${id}`]),
      'total',
      'value',
      'progress',
      'stage',
      'success',
      ...able.flatMap(({ row }) => [`model/${row.id}`, `spread/${row.id}`, `distance/${row.id}`]),
    ];
    const { values, why } = await this.#rows(scene, ask, state, 1, problemOf, wanted, signal);
    if (why !== null) throw new UsageError([why]);
    const of = (id: string): number | null => {
      const value = values.get(id)?.[0];
      return value !== undefined && Number.isFinite(value) ? value : null;
    };
    const poses = new Float32Array(model.bodies.length * 7);
    model.poses(state, 0, poses, 0);
    let colours: Float32Array | null = null;
    if (model.colours !== undefined) {
      colours = new Float32Array(model.bodies.length * 3);
      model.colours(state, 0, colours, 0);
    }
    const stage = of('stage') ?? 0;
    const total = this.#totalProblem(scene);
    const broken = `The step from here does not lead to a sound state, so no reward can be told`;
    return {
      terms: stack.terms.map(({ id, title }, c) => ({
        id,
        title,
        raw: of(`raw/${id}`),
        weight: this.#weightOf(scene, ask.frame, stack, c),
        paid: of(`paid/${id}`),
        note: of(`raw/${id}`) === null ? broken : of(`paid/${id}`) === null ? runningDeviation : null,
      })),
      total: of('total'),
      totalNote: of('total') === null ? (total ?? broken) : null,
      truth: {
        progress: of('progress') ?? 0,
        stage,
        stageTitle: model.stages[stage]?.title ?? `stage ${stage}`,
        success: of('success') === 1,
      },
      value: of('value'),
      models: await Promise.all(
        scorables.map(async (one) => {
          const { row, missing } = one;
          const spread = missing === null ? of(`spread/${row.id}`) : null;
          const distance = missing === null ? of(`distance/${row.id}`) : null;
          const near = missing === null ? await this.#neighbours(one) : null;
          return {
            id: row.id,
            value: missing === null ? of(`model/${row.id}`) : null,
            spread: spread === null ? null : { value: spread, over: this.#spreadWords(scene, one) },
            distance:
              distance === null || near === null || typeof near === 'string'
                ? null
                : distanceWords(distance, near),
            note: missing ?? (typeof near === 'string' ? near : null),
          };
        }),
      ),
      step: stepWords(scene, ask.frame, ask.step),
      poses: [...poses],
      colours: colours === null ? null : Array.from(colours, (part) => (Number.isNaN(part) ? null : part)),
      handles: findHandles(model, state),
    };
  }

  async sweep(
    ask: ProbeAsk & { readonly range: ProbeRange; readonly quantities: readonly string[] },
    signal?: AbortSignal,
  ): Promise<{
    at: number[];
    curves: { quantity: string; values: (number | null)[] }[];
    refused: number;
    why: string | null;
  }> {
    const scene = this.#scene(ask);
    const state = wantState(scene.model, ask.state);
    const places = placesOf(scene.model, ask.range, 'sweep');
    this.#wantQuantities(scene, ask.quantities);
    const rows = spread(scene.model, state, [{ element: ask.range.element, places }]);
    const { values, refused, why } = await this.#rows(
      scene,
      ask,
      rows,
      places.length,
      checkFor(scene.model, [ask.range.element]),
      ask.quantities,
      signal,
    );
    return {
      at: [...places],
      curves: ask.quantities.map((quantity) => ({
        quantity,
        values: Array.from(values.get(quantity)!, (value) => (Number.isFinite(value) ? value : null)),
      })),
      refused,
      why,
    };
  }

  async field(
    ask: ProbeAsk & {
      readonly quantity: string;
      readonly minus?: string | undefined;
      readonly normalise: boolean;
      readonly x: ProbeRange;
      readonly y: ProbeRange;
      readonly z?: ProbeRange | undefined;
    },
    signal?: AbortSignal,
  ): Promise<{
    width: number;
    height: number;
    depth: number;
    low: number | null;
    high: number | null;
    ranges: { quantity: string; low: number; high: number }[];
    refused: number;
    why: string | null;
    milliseconds: number;
    data: Blob;
  }> {
    const begun = performance.now();
    const scene = this.#scene(ask);
    const { model } = scene;
    const state = wantState(model, ask.state);
    const { x, y, z, quantity, minus } = ask;
    const axes = [x, y, ...(z === undefined ? [] : [z])];
    const elements = axes.map(({ element }) => element);
    if (new Set(elements).size < elements.length)
      throw new UsageError([
        `field: ${elementName(model.stateLayout, elements[0]!)} is on two axes, wanted another element on each`,
      ]);
    const points = axes.reduce((product, { count }) => product * count, 1);
    if (points > mostPoints)
      throw new UsageError([`field: found ${points} points, wanted at most ${mostPoints}`]);
    const quantities = minus === undefined ? [quantity] : [quantity, minus];
    this.#wantQuantities(scene, quantities);
    const along = axes.map((range, a) => ({
      element: range.element,
      places: placesOf(model, range, `field, axis ${'xyz'[a]}`),
    }));
    const rows = spread(model, state, along);
    const { values, refused, why } = await this.#rows(
      scene,
      ask,
      rows,
      points,
      checkFor(model, elements),
      quantities,
      signal,
    );
    const parts = quantities.map((id) => Float32Array.from(values.get(id)!));
    const ranges = parts.flatMap((part, n) => {
      const range = rangeOf(part);
      return range === null ? [] : [{ quantity: quantities[n]!, ...range }];
    });
    const grid = parts[0]!;
    if (minus !== undefined) {
      const scaled = parts.map((part) => (ask.normalise ? normalised(part) : part));
      for (let i = 0; i < grid.length; i++) grid[i] = scaled[0]![i]! - scaled[1]![i]!;
    } else if (ask.normalise) grid.set(normalised(grid));
    const shape = { width: x.count, height: y.count, depth: z?.count ?? 1 };
    const range = rangeOf(grid);
    const gradient = gradientOf(grid, {
      ...shape,
      spacing: along.map(({ places }) => places[1]! - places[0]!),
    });
    return {
      ...shape,
      low: range?.low ?? null,
      high: range?.high ?? null,
      ranges,
      refused,
      why,
      milliseconds: performance.now() - begun,
      data: new Blob([pack({ values: grid, gradient })]),
    };
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Many rows at once

  /** states: [count, stateDim]; written over where a row is refused. */
  async #rows(
    scene: Scene,
    { frame, step }: Pick<ProbeAsk, 'frame' | 'step'>,
    states: Float64Array,
    count: number,
    check: typeof problemOf,
    wanted: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Answers> {
    const values = new Map(wanted.map((id) => [id, new Float64Array(count).fill(Number.NaN)] as const));
    const near = new Map<Scorable, Neighbours>();
    for (const one of this.#models(scene)) {
      if (!wanted.includes(`distance/${one.row.id}`)) continue;
      const found = await this.#neighbours(one, signal);
      if (typeof found !== 'string') near.set(one, found);
    }
    const pause = pace();
    let refused = 0;
    let why: string | null = null;
    for (let first = 0; first < count; ) {
      signal?.throwIfAborted();
      const rest = count - first;
      const size = blockSizes.find((block) => block >= rest) ?? blockSizes.at(-1)!;
      const rows = Math.min(size, rest);
      const block = this.#block(scene, frame, step, states, first, rows, size, check, wanted, near, values);
      refused += block.refused;
      why ??= block.why;
      first += rows;
      await pause();
    }
    return { values, refused, why };
  }

  /** One block: rows first .. first + rows - 1, padded to `size` worlds with the recorded state. */
  #block(
    scene: Scene,
    frame: number,
    mode: ProbeStep,
    states: Float64Array,
    first: number,
    rows: number,
    size: number,
    check: typeof problemOf,
    wanted: readonly string[],
    near: ReadonlyMap<Scorable, Neighbours>,
    out: ReadonlyMap<string, Float64Array>,
  ): { refused: number; why: string | null } {
    const { model } = scene;
    const dim = model.stateDim;
    const observationDim = model.observationSpace.dim;
    const recorded = scene.states.subarray(frame * dim, (frame + 1) * dim);
    const now = new Float64Array(size * dim);
    const observations = new Float64Array(size * observationDim);
    const isSound = new Uint8Array(size);
    let refused = 0;
    let why: string | null = null;
    now.set(states.subarray(first * dim, (first + rows) * dim));
    for (let n = 0; n < size; n++) {
      const problem = n < rows ? check(model, now, n * dim) : null;
      if (n >= rows || problem !== null) now.set(recorded, n * dim);
      else isSound[n] = 1;
      if (problem !== null) refused++;
      why ??= problem;
      model.observe(now, n * dim, observations, n * observationDim);
    }
    const write = (id: string, value: (n: number) => number): void => {
      const values = out.get(id);
      if (values === undefined) return;
      for (let n = 0; n < rows; n++) if (isSound[n] === 1) values[first + n] = value(n);
    };

    write('progress', (n) => model.progress(now, n * dim));
    write('stage', (n) => model.stage(now, n * dim));
    write('success', (n) => (model.success(now, n * dim) ? 1 : 0));

    // Terms belong to the step that leads out of the state.
    if (wanted.some((id) => id === 'total' || id.startsWith('raw/') || id.startsWith('paid/')))
      this.#pay(scene, frame, mode, now, observations, rows, wanted, write);

    if (wanted.includes('value') && 'critic' in scene.critic) {
      const { critic } = scene.critic;
      const found = critic.values(observations, size);
      const stack = this.#stack(scene, 1);
      const weights = critic.terms.map((term) =>
        term === ''
          ? 1
          : this.#weightOf(
              scene,
              frame,
              stack,
              stack.terms.findIndex(({ id }) => id === term),
            ),
      );
      write('value', (n) =>
        weights.reduce((sum, weight, c) => sum + weight * found[n * weights.length + c]!, 0),
      );
    }

    const scored = new Map<Scorable, Float64Array>();
    const score = (one: Scorable): Float64Array => {
      const known = scored.get(one);
      if (known) return known;
      const { frames, values } = this.#scored(scene, frame, one, now, observations, size);
      const index = near.get(one);
      if (index) write(`distance/${one.row.id}`, (n) => index.distance(frames, n * index.dim));
      scored.set(one, values);
      return values;
    };
    for (const one of this.#models(scene)) {
      const { id } = one.row;
      if (!['model', 'spread', 'distance'].some((kind) => wanted.includes(`${kind}/${id}`))) continue;
      const values = score(one);
      write(`model/${id}`, (n) => values[n]!);
      if (!wanted.includes(`spread/${id}`)) continue;
      const others = this.#siblings(scene, one).map(score);
      if (others.length > 1) write(`spread/${id}`, (n) => deviation(others.map((each) => each[n]!)));
    }
    return { refused, why };
  }

  /** Terms of the step that leads out of each row. */
  #pay(
    scene: Scene,
    frame: number,
    mode: ProbeStep,
    now: Float64Array,
    observations: Float64Array,
    rows: number,
    wanted: readonly string[],
    write: (id: string, value: (n: number) => number) => void,
  ): void {
    const { model } = scene;
    const dim = model.stateDim;
    const size = now.length / dim;
    const actionDim = model.actionSpace.dim;
    const observationDim = model.observationSpace.dim;
    const action = actionOf(scene, frame, mode);
    const actions = new Float64Array(size * actionDim);
    for (let n = 0; n < size; n++) actions.set(action, n * actionDim);
    const next = now.slice();
    if (mode !== 'still') model.advance(next, actions, 0, size);
    const after = new Float64Array(size * observationDim);
    const terminated = new Uint8Array(size);
    const isSound = new Uint8Array(size);
    for (let n = 0; n < size; n++) {
      // A step that breaks pays nothing that could be told.
      const isFine = mode === 'still' || stateProblem(model, next, n * dim) === null;
      if (isFine) isSound[n] = 1;
      else next.set(now.subarray(n * dim, (n + 1) * dim), n * dim);
      model.observe(next, n * dim, after, n * observationDim);
      terminated[n] = model.terminal(next, n * dim) ? 1 : 0;
    }
    const plain = this.#plainTerms(scene);
    const isTotal = wanted.includes('total');
    const asked = wanted.filter((id) => id.startsWith('raw/') || id.startsWith('paid/'));
    if (!isTotal && asked.every((id) => plain.has(id.slice(id.indexOf('/') + 1)))) {
      // Nothing but the task's own terms: no stack and no model is needed.
      const raw = new Float64Array(size * model.rewardTerms.length);
      for (let n = 0; n < rows; n++)
        model.reward(now, n * dim, actions, n * actionDim, next, n * dim, raw, n * model.rewardTerms.length);
      for (const id of asked) {
        const { term, column } = plain.get(id.slice(id.indexOf('/') + 1))!;
        const weight = id.startsWith('raw/')
          ? 1
          : this.#weightOf(scene, frame, this.#stack(scene, 1), column);
        write(id, (n) =>
          isSound[n] === 1 ? raw[n * model.rewardTerms.length + term]! * weight : Number.NaN,
        );
      }
      return;
    }
    const stack = this.#stack(scene, size);
    if (frame === 0) for (let n = 0; n < size; n++) stack.reset(n, now, observations);
    else {
      stack.restoreAll(this.#stackBefore(scene, frame));
      const before = new Float64Array(size * dim);
      const did = new Float64Array(size * actionDim);
      const last = scene.states.subarray((frame - 1) * dim, frame * dim);
      const lastAction = scene.actions.subarray((frame - 1) * actionDim, frame * actionDim);
      for (let n = 0; n < size; n++) {
        before.set(last, n * dim);
        did.set(lastAction, n * actionDim);
      }
      stack.step(before, did, now, observations, new Uint8Array(size));
    }
    for (let c = 0; c < stack.terms.length; c++) stack.weights[c] = this.#weightOf(scene, frame, stack, c);
    stack.step(now, actions, next, after, terminated);
    const hidden = deviating(scene);
    let isWhole = scene.isOwn;
    for (const [c, { id }] of stack.terms.entries()) {
      write(`raw/${id}`, (n) => (isSound[n] === 1 ? stack.raw[c * size + n]! : Number.NaN));
      if (hidden.has(id)) isWhole = false;
      else
        write(`paid/${id}`, (n) => {
          const paid = stack.values[c * size + n]! * stack.weights[c]!;
          return isSound[n] === 1 ? paid : Number.NaN;
        });
    }
    if (isWhole)
      write('total', (n) => (isSound[n] === 1 && stack.invalid[n] === 0 ? stack.totals[n]! : Number.NaN));
  }

  /** What a model says of each row, the recorded frames before it being its past, and what it was shown. */
  #scored(
    scene: Scene,
    frame: number,
    one: Scorable,
    now: Float64Array,
    observations: Float64Array,
    size: number,
  ): { frames: Float64Array; values: Float64Array } {
    const senses = one.senses!;
    let scorer = one.scorers.get(size);
    if (!scorer) {
      scorer = one.model!.online(size);
      one.scorers.set(size, scorer);
    }
    const frames = new Float64Array(size * senses.dim);
    senses.read(now, 0, size, frames, 0, observations);
    if (frame === 0) for (let n = 0; n < size; n++) scorer.reset(n, frames, n * senses.dim);
    else {
      scorer.restoreAll(this.#modelBefore(scene, frame, one));
      scorer.step(frames);
    }
    return { frames, values: scorer.values.slice() };
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What came before the frame

  /** A stack of one world that has seen the frames 0 .. frame - 1. */
  #stackBefore(scene: Scene, frame: number): Float64Array {
    return this.#histories.get(`stack ${scene.row.id} ${frame}`, () => {
      const { model, states, actions } = scene;
      const dim = model.stateDim;
      const actionDim = model.actionSpace.dim;
      const stack = this.#stack(scene, 1);
      const see = (t: number): { state: Float64Array; observation: Float64Array } => {
        const state = states.slice(t * dim, (t + 1) * dim);
        const observation = new Float64Array(model.observationSpace.dim);
        model.observe(state, 0, observation, 0);
        return { state, observation };
      };
      let last = see(0);
      stack.reset(0, last.state, last.observation);
      for (let t = 1; t < frame; t++) {
        const here = see(t);
        const action = actions.slice((t - 1) * actionDim, t * actionDim);
        const ended = Uint8Array.of(model.terminal(here.state, 0) ? 1 : 0);
        stack.step(last.state, action, here.state, here.observation, ended);
        last = here;
      }
      return stack.save();
    });
  }

  /** A scorer of one world that has seen the frames 0 .. frame - 1. */
  #modelBefore(scene: Scene, frame: number, one: Scorable): Float64Array {
    return this.#histories.get(`model ${one.row.id} ${scene.row.id} ${frame}`, () => {
      const senses = one.senses!;
      const frames = new Float64Array(frame * senses.dim);
      senses.read(scene.states, 0, frame, frames, 0);
      const scorer = one.model!.online(1);
      scorer.reset(0, frames, 0);
      for (let t = 1; t < frame; t++) scorer.step(frames.slice(t * senses.dim, (t + 1) * senses.dim));
      return scorer.save();
    });
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Episodes and their stacks

  #scene({ episodeId, frame }: ProbeAt): Scene {
    const scene = this.#scenes.get(episodeId, () => this.#openScene(episodeId));
    if (frame > scene.row.length)
      throw new UsageError([`Episode ${episodeId}: found frame ${frame}, wanted 0 to ${scene.row.length}`]);
    return scene;
  }

  #openScene(id: number): Scene {
    const { store } = this.#lab;
    const row = store.episodes.get(id);
    const run = store.runs.get(row.runId);
    const model = taskModelOf(run);
    const columns = store.episodes.columns(id);
    const { states } = replay(model, row, columns);
    const weights = new Map<string, ArrayLike<number>>();
    for (const [name, { data }] of columns) {
      const term = /^reward\/(.+)\/weight$/.exec(name)?.[1];
      if (term !== undefined) weights.set(term, data);
    }
    return {
      row,
      run,
      model,
      states,
      actions: Float64Array.from(columns.get('action')!.data),
      weights,
      ...this.#entriesOf(run, model),
      critic: this.#criticOf(run, model),
      stacks: new Map(),
    };
  }

  /** The lines that a run is paid by, with their models; where it has none, the task's own terms. */
  #entriesOf(run: RunRow, model: TaskModel): Pick<Scene, 'entries' | 'gamma' | 'isOwn' | 'stackWords'> {
    const config = run.config as unknown as Partial<Experiment> & { readonly evaluatedRun?: number };
    const lines = (run.kind === 'train' || run.kind === 'evaluate') && config.reward;
    const own = (): Pick<Scene, 'entries' | 'gamma' | 'isOwn' | 'stackWords'> => {
      const models = this.#lab.modelsBehind(run);
      const entries = (lines || []).map((line, index): StackEntry => {
        const method = rewardNamed(line.reward);
        if (method === undefined) throw new RangeError(`reward "${line.reward}" is not in this version`);
        const gamma = typeof line.gamma === 'number' ? { gamma: line.gamma } : {};
        const rule = ruleOf(line);
        if (method.kind === 'native')
          return { kind: 'native', reward: method, weight: line.weight, ...gamma, ...rule };
        const fitted = models.get(index);
        if (fitted === undefined) throw new RangeError(`line ${index + 1} (${line.reward}) has no model`);
        return {
          kind: 'learned',
          method: line.reward,
          model: method.load(this.#lab.store.models.bytes(fitted.id)),
          use: line.use,
          weight: line.weight,
          ...gamma,
          ...rule,
        };
      });
      const gamma = (config.algorithmSettings as { readonly gamma?: number } | undefined)?.gamma ?? 1;
      createStack(entries, { model, gamma, count: 1 });
      return { entries, gamma, isOwn: true, stackWords: `The reward stack of run ${run.id} (${run.name})` };
    };
    let why = `Run ${run.id} is a ${run.kind} run, which is paid nothing`;
    if (lines) {
      try {
        return own();
      } catch (error) {
        why = `The reward stack of run ${run.id} cannot be made again (${messageOf(error)})`;
      }
    }
    const natives = [rewards.sparse, rewards.dense].filter(({ termKind }) =>
      model.rewardTerms.some(({ kind }) => kind === termKind),
    );
    return {
      entries: natives.map((reward) => ({ kind: 'native', reward, weight: 1 })),
      gamma: 1,
      isOwn: false,
      stackWords: `${why}: shown are the task's own terms with the task's weights, without a total`,
    };
  }

  #criticOf(run: RunRow, model: TaskModel): Scene['critic'] {
    const config = run.config as unknown as Partial<Experiment> & { readonly evaluatedRun?: number };
    const owner = config.evaluatedRun ?? run.id;
    const algorithm = config.algorithm === undefined ? undefined : algorithmNamed(config.algorithm);
    if (algorithm?.loadCritic === undefined)
      return { missing: `${algorithm?.title ?? `A ${run.kind} run`} has no critic of states` };
    try {
      const latest = this.#lab.store.checkpoints.latest(owner);
      if (latest === undefined) return { missing: `Run ${owner} has no checkpoint` };
      const { learner } = openCheckpoint(latest.bytes);
      const critic = algorithm.loadCritic(learner, config.algorithmSettings ?? {});
      if (critic === undefined) return { missing: 'Its critic remembers what came before' };
      if (critic.observationDim !== model.observationSpace.dim)
        return { missing: `Its critic reads ${critic.observationDim} numbers` };
      return { critic, words: `run ${owner} at ${latest.step} steps` };
    } catch (error) {
      return { missing: messageOf(error) };
    }
  }

  #stack(scene: Scene, count: number): RewardStack {
    let stack = scene.stacks.get(count);
    if (!stack) {
      const { entries, model, gamma, row } = scene;
      stack = createStack(entries, { model, gamma, count, step: row.trainedSteps });
      scene.stacks.set(count, stack);
    }
    return stack;
  }

  /** As recorded for this frame; else what the run would have it be. */
  #weightOf(scene: Scene, frame: number, stack: RewardStack, column: number): number {
    const id = stack.terms[column]?.id;
    if (id === undefined) return 0;
    const recorded = scene.weights.get(id);
    return recorded?.[Math.min(frame, scene.row.length - 1)] ?? stack.weights[column]!;
  }

  /** Terms of the task that a line only weighs: position in the task's list and column in the stack. */
  #plainTerms(scene: Scene): Map<string, { term: number; column: number }> {
    const stack = this.#stack(scene, 1);
    const found = new Map<string, { term: number; column: number }>();
    scene.model.rewardTerms.forEach(({ id }, term) => {
      const column = stack.terms.findIndex((one) => one.id === `task/${id}`);
      if (column >= 0 && stack.terms[column]!.isPlain) found.set(`task/${id}`, { term, column });
    });
    return found;
  }

  /** Why there is no total; null where there is one. */
  #totalProblem(scene: Scene): string | null {
    if (!scene.isOwn) return scene.stackWords;
    return deviating(scene).size > 0 ? runningDeviation : null;
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Models

  /** Stored models of the task, the newest last. */
  #models(scene: Scene): Scorable[] {
    return this.#lab.store.models
      .list()
      .filter(({ task }) => task === scene.model.id)
      .slice(-keptModels)
      .map((row) =>
        this.#scorables.get(`${row.id} ${scene.model.observationSpace.dim} ${scene.run.id}`, () =>
          this.#openModel(row, scene.model),
        ),
      );
  }

  #openModel(row: ModelRow, task: TaskModel): Scorable {
    const shell = { row, title: row.method, baseline: false, model: null, senses: null, remembers: false };
    try {
      const method = learnedReward(row.method, `model ${row.id}`);
      const model = method.load(this.#lab.store.models.bytes(row.id));
      const senses = openSenses(task, model.senses);
      const named = { ...shell, title: method.title, baseline: method.baseline === true };
      const missing =
        senses.dim !== model.frameDim
          ? `Reads frames of ${model.frameDim} numbers, this episode's task gives ${senses.dim}`
          : method.causal
            ? null
            : `${method.title} ${method.offlineBecause ?? 'looks ahead'}`;
      if (missing !== null) return { ...named, missing, scorers: new Map() };
      const one = model.online(1);
      return {
        ...named,
        model,
        senses,
        missing: null,
        remembers: one.save().length > 1,
        scorers: new Map([[1, one]]),
      };
    } catch (error) {
      return { ...shell, missing: messageOf(error), scorers: new Map() };
    }
  }

  /** Models of the same method that can score, itself among them. */
  #siblings(scene: Scene, { row }: Scorable): Scorable[] {
    return this.#models(scene).filter((other) => other.row.method === row.method && other.missing === null);
  }

  #spreadWords(scene: Scene, one: Scorable): string {
    return `over ${this.#siblings(scene, one).length} stored ${one.title} models`;
  }

  #neighbours(one: Scorable, signal?: AbortSignal): Promise<Neighbours | string> {
    one.neighbours ??= this.#measure(one, signal).catch((error: unknown) => {
      // Dropped half way is not "cannot be had".
      delete one.neighbours;
      signal?.throwIfAborted();
      return messageOf(error);
    });
    return one.neighbours;
  }

  /** The frames of the episodes that a model was fitted on. */
  async #measure({ row, model, senses }: Scorable, signal?: AbortSignal): Promise<Neighbours | string> {
    const { store } = this.#lab;
    const from = store.runs.get(row.runId).config['demonstrations'];
    if (typeof from !== 'number') return 'It is not known what this model was fitted on';
    const ids = [
      ...store.episodes.ids({ runId: from, kind: 'demonstration' }),
      ...store.episodes.ids({ runId: from, kind: 'failure' }),
    ];
    if (ids.length === 0) return 'The episodes that this model was fitted on are gone';
    const task = taskModelOf(store.runs.get(from));
    const dim = senses!.dim;
    const total = ids.reduce((sum, id) => sum + store.episodes.get(id).length + 1, 0);
    const every = Math.max(1, Math.ceil(total / mostFrames));
    const blocks: Float64Array[] = [];
    const episodes: number[] = [];
    const pause = pace();
    for (const id of ids) {
      const columns = store.episodes.columns(id, ['action', 'keyframe', 'stateHash']);
      const { states } = replay(task, store.episodes.get(id), columns);
      const wanted = thinned(states, task.stateDim, every);
      blocks.push(framesOf(task, model!.senses, wanted));
      for (let n = 0; n < wanted.length / task.stateDim; n++) episodes.push(id);
      await pause();
      signal?.throwIfAborted();
    }
    const frames = new Float64Array(episodes.length * dim);
    let to = 0;
    for (const block of blocks) {
      frames.set(block, to);
      to += block.length;
    }
    return new Neighbours(
      frames,
      episodes,
      savedNormaliser(store.models.bytes(row.id), dim) ?? fitNormaliser(blocks, dim),
    );
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Quantities

  #quantities(scene: Scene): ProbeQuantity[] {
    const { model } = scene;
    const stack = this.#stack(scene, 1);
    const hidden = deviating(scene);
    const out: ProbeQuantity[] = [];
    const truth = (id: string, title: string, high: number, help: string): void => {
      out.push({ id, title, kind: 'truth', range: [0, high], help, missing: null });
    };
    truth('progress', 'True progress', 1, 'What the task itself says; no model gets it');
    truth('stage', 'True stage', Math.max(1, model.stages.length - 1), 'Number of the stage, from 0');
    truth('success', 'True success', 1, '1 where the task counts as done');
    for (const { id, title } of stack.terms) {
      const own = model.rewardTerms.find((term) => `task/${term.id}` === id);
      const range = own === undefined ? null : ([...(own.range ?? [0, 1])] as [number, number]);
      out.push({ id: `raw/${id}`, title: `${id}, raw`, kind: 'raw', range, help: title, missing: null });
      out.push({
        id: `paid/${id}`,
        title: `${id}, weighted`,
        kind: 'paid',
        range: null,
        help: title,
        missing: hidden.has(id) ? runningDeviation : null,
      });
    }
    out.push({
      id: 'total',
      title: 'Reward, total',
      kind: 'total',
      range: null,
      help: scene.stackWords,
      missing: this.#totalProblem(scene),
    });
    out.push({
      id: 'value',
      title: 'Critic value',
      kind: 'value',
      range: null,
      help: 'critic' in scene.critic ? `What the critic of ${scene.critic.words} expects from here` : '',
      missing: 'missing' in scene.critic ? scene.critic.missing : null,
    });
    for (const one of this.#models(scene)) {
      const { row, title, missing } = one;
      const name = `${title} (model ${row.id})`;
      out.push({
        id: `model/${row.id}`,
        title: name,
        kind: 'model',
        range: [0, 1],
        help: 'Learned progress',
        missing,
      });
      out.push({
        id: `spread/${row.id}`,
        title: `${name}, spread`,
        kind: 'spread',
        range: null,
        help: `Standard deviation ${this.#spreadWords(scene, one)}`,
        missing:
          missing ??
          (this.#siblings(scene, one).length > 1
            ? null
            : `One stored ${title} model of this task has no spread; fit another with another seed`),
      });
      out.push({
        id: `distance/${row.id}`,
        title: `${name}, distance from its training data`,
        kind: 'distance',
        range: null,
        help: 'Root mean square over the numbers of the frame, in their deviations',
        missing,
      });
    }
    return out;
  }

  #wantQuantities(scene: Scene, ids: readonly string[]): void {
    const known = this.#quantities(scene);
    for (const id of ids) {
      const found = known.find((one) => one.id === id);
      if (found === undefined)
        throw new UsageError([
          `quantity: found "${id}", wanted one of ${known.map((one) => one.id).join(', ')}`,
        ]);
      if (found.missing !== null) throw new UsageError([`quantity ${id}: ${found.missing}`]);
    }
  }
}

const runningDeviation =
  'This line divides by a running deviation of the training, which is not kept with an episode: the raw value stands alone';

/** Terms whose weighted value hangs on what the whole run had seen. */
function deviating({ entries, model, stacks }: Scene): ReadonlySet<string> {
  const terms = [...stacks.values()][0]?.terms ?? [];
  const found = new Set<string>();
  for (const entry of entries) {
    if (entry.normalise !== true) continue;
    if (entry.kind === 'learned') found.add(`${entry.use}/${entry.method}`);
    else
      for (const { id, kind } of model.rewardTerms)
        if (kind === entry.reward.termKind) found.add(`task/${id}`);
  }
  return new Set(terms.flatMap(({ id }) => (found.has(id) ? [id] : [])));
}

/** What the world does in the step that is paid. [actionDim] */
function actionOf({ model, actions, row }: Scene, frame: number, mode: ProbeStep): Float64Array {
  const { dim } = model.actionSpace;
  if (mode === 'recorded' && frame < row.length) return actions.slice(frame * dim, (frame + 1) * dim);
  return new Float64Array(dim);
}

function stepWords({ model, row, actions }: Scene, frame: number, mode: ProbeStep): string {
  if (mode === 'still') return 'Terms of a world that stands still: from this state to itself';
  const zero = model.actionSpace.type === 'discrete' ? 'option 0' : 'the zero action';
  if (mode === 'zero') return `Terms of one control step from this state with ${zero}`;
  if (frame >= row.length)
    return `Terms of one control step from this state with ${zero}: the last frame has no recorded action`;
  const { dim } = model.actionSpace;
  const action = [...actions.subarray(frame * dim, (frame + 1) * dim)]
    .map((part) => Number(part.toFixed(3)))
    .join(', ');
  return `Terms of one control step from this state with the recorded action of frame ${frame} (${action})`;
}

function distanceWords(value: number, near: Neighbours): ProbeEvaluated['models'][number]['distance'] {
  const quantile = near.quantile(value);
  const percent = Math.floor(quantile * 100);
  const words =
    quantile >= 1
      ? `Farther than any of the ${near.count} training frames is from its nearest one in another episode: the model has seen nothing like it`
      : quantile >= 0.95
        ? `Farther than ${percent} % of the ${near.count} training frames are from their nearest one in another episode: hardly ever seen`
        : `As near as training frames are to each other (farther than ${percent} % of them)`;
  return { value, quantile, words };
}

/** Mean and scale as the model keeps them; undefined where its file has none of this size. */
function savedNormaliser(bytes: Uint8Array, dim: number): Normaliser | undefined {
  const magic = String.fromCharCode(...bytes.subarray(0, 8));
  const { mean, scale } = unpackModel('Model', magic, bytes).header;
  const isList = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length === dim && list.every(Number.isFinite);
  if (!isList(mean) || !isList(scale)) return undefined;
  return { mean: Float64Array.from(mean), scale: Float64Array.from(scale) };
}

/** Every n-th row. */
function thinned(states: Float64Array, dim: number, every: number): Float64Array {
  if (every === 1) return states;
  const count = Math.ceil(states.length / dim / every);
  const out = new Float64Array(count * dim);
  for (let n = 0; n < count; n++) out.set(states.subarray(n * every * dim, (n * every + 1) * dim), n * dim);
  return out;
}

/** Of a few numbers, about their mean; population. */
function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** By its own least and largest value to 0 .. 1; all 0 where it is level. */
function normalised(values: Float32Array): Float32Array {
  const range = rangeOf(values);
  if (range === null) return values;
  const { low, high } = range;
  return values.map((value) => (Number.isNaN(value) ? value : high > low ? (value - low) / (high - low) : 0));
}
