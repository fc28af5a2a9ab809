/**
 * Many states at once: sound? -> the step that leads out -> terms, truth, models, distances. Rows go through in blocks, so that stacks and
 * models are opened for a few sizes only.
 */

import type { ProbeStep } from './api/probe.ts';
import { Kept } from './kept.ts';
import { type Neighbours, stateProblem } from './landscape.ts';
import { pace } from './pace.ts';
import type { problemOf } from './probe-checks.ts';
import type { Scorable, ScoringModels } from './probe-models.ts';
import { actionOf, deviating, plainTerms, type Scene, stackOf, weightOf } from './probe-scene.ts';

/** Rows that go through stack and models together; a scorer is opened for each of these sizes. */
const blockSizes = [1, 16, 256] as const;
const keptHistories = 64;

/** What one of many rows came to; NaN where it could not be had. Each [rows]. */
export interface Answers {
  readonly values: ReadonlyMap<string, Float64Array>;
  /** Why rows were refused: how many, and the first reason. */
  readonly refused: number;
  readonly why: string | null;
}

export class ProbeRows {
  readonly #models: ScoringModels;
  /** What a model or a stack remembers before a frame. */
  readonly #histories = new Kept<string, Float64Array>(keptHistories);

  constructor(models: ScoringModels) {
    this.#models = models;
  }

  /** states: [count, stateDim]; written over where a row is refused. */
  async answer(
    scene: Scene,
    { frame, step }: { readonly frame: number; readonly step: ProbeStep },
    states: Float64Array,
    count: number,
    check: typeof problemOf,
    wanted: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Answers> {
    const values = new Map(wanted.map((id) => [id, new Float64Array(count).fill(Number.NaN)] as const));
    const near = new Map<Scorable, Neighbours>();
    for (const one of this.#models.of(scene)) {
      if (!wanted.includes(`distance/${one.row.id}`)) continue;
      const found = await this.#models.neighbours(one, signal);
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
      const stack = stackOf(scene, 1);
      const weights = critic.terms.map((term) =>
        term === ''
          ? 1
          : weightOf(
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
    for (const one of this.#models.of(scene)) {
      const { id } = one.row;
      if (!['model', 'spread', 'distance'].some((kind) => wanted.includes(`${kind}/${id}`))) continue;
      const values = score(one);
      write(`model/${id}`, (n) => values[n]!);
      if (!wanted.includes(`spread/${id}`)) continue;
      const others = this.#models.siblings(scene, one).map(score);
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
    const plain = plainTerms(scene);
    const isTotal = wanted.includes('total');
    const asked = wanted.filter((id) => id.startsWith('raw/') || id.startsWith('paid/'));
    if (!isTotal && asked.every((id) => plain.has(id.slice(id.indexOf('/') + 1)))) {
      // Nothing but the task's own terms: no stack and no model is needed.
      const raw = new Float64Array(size * model.rewardTerms.length);
      for (let n = 0; n < rows; n++)
        model.reward(now, n * dim, actions, n * actionDim, next, n * dim, raw, n * model.rewardTerms.length);
      for (const id of asked) {
        const { term, column } = plain.get(id.slice(id.indexOf('/') + 1))!;
        const weight = id.startsWith('raw/') ? 1 : weightOf(scene, frame, stackOf(scene, 1), column);
        write(id, (n) =>
          isSound[n] === 1 ? raw[n * model.rewardTerms.length + term]! * weight : Number.NaN,
        );
      }
      return;
    }
    const stack = stackOf(scene, size);
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
    for (let c = 0; c < stack.terms.length; c++) stack.weights[c] = weightOf(scene, frame, stack, c);
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
      const stack = stackOf(scene, 1);
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
}

/** Of a few numbers, about their mean; population. */
function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
