/**
 * The state probe: every reward term, the truth and every reward model of a task, at states that somebody made out of a recorded frame.
 * Nothing is stored and nothing is remembered between calls but what can be worked out again. See docs/probe.md.
 *
 * All questions go one way, `rows`: sound? -> the step that leads out -> terms, truth, models, distances. A single evaluation, a
 * sweep and a field differ only in how many rows they bring.
 */

import type { ProbeEvaluated, ProbeOpened, ProbeRange, ProbeStep } from './api/probe.ts';
import { UsageError } from './errors.ts';
import { Kept } from './kept.ts';
import type { Lab } from './lab.ts';
import { elementName, findHandles, gradientOf, rangeOf } from './landscape.ts';
import { pack } from './pack.ts';
import { checkFor, placesOf, problemOf, spread, wantState } from './probe-checks.ts';
import { distanceWords, ScoringModels } from './probe-models.ts';
import { quantitiesOf, wantQuantities } from './probe-quantities.ts';
import { ProbeRows } from './probe-rows.ts';
import {
  openScene,
  type ProbeAt,
  runningDeviation,
  type Scene,
  stackOf,
  stepWords,
  totalProblem,
  weightOf,
} from './probe-scene.ts';

/** Points of a field at most. */
const mostPoints = 70_000;
const keptEpisodes = 4;

export interface ProbeAsk extends ProbeAt {
  readonly state: readonly (number | null)[];
  readonly step: ProbeStep;
}

export class StateProbe {
  readonly #lab: Lab;
  readonly #scenes = new Kept<number, Scene>(keptEpisodes);
  readonly #models: ScoringModels;
  readonly #rows: ProbeRows;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#models = new ScoringModels(lab);
    this.#rows = new ProbeRows(this.#models);
  }

  /** @throws RangeError when there is no such episode or its task is gone; UsageError when there is no such frame. */
  open(at: ProbeAt): ProbeOpened {
    const scene = this.#scene(at);
    const { model } = scene;
    const dim = model.stateDim;
    const state = scene.states.slice(at.frame * dim, (at.frame + 1) * dim);
    const scorables = this.#models.of(scene);
    return {
      task: model.id,
      frame: at.frame,
      state: [...state],
      layout: model.stateLayout.map((field) => ({ ...field })),
      guardDim: model.guardDim ?? dim,
      handles: findHandles(model, state),
      quantities: quantitiesOf(scene, this.#models),
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
    const scorables = this.#models.of(scene).filter(({ row }) => ask.models?.includes(row.id) ?? true);
    const able = scorables.filter(({ missing }) => missing === null);
    const stack = stackOf(scene, 1);
    const wanted = [
      ...stack.terms.flatMap(({ id }) => [`raw/${id}`, `paid/${id}`]),
      'total',
      'value',
      'progress',
      'stage',
      'success',
      ...able.flatMap(({ row }) => [`model/${row.id}`, `spread/${row.id}`, `distance/${row.id}`]),
    ];
    const { values, why } = await this.#rows.answer(scene, ask, state, 1, problemOf, wanted, signal);
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
    const total = totalProblem(scene);
    const broken = `The step from here does not lead to a sound state, so no reward can be told`;
    return {
      terms: stack.terms.map(({ id, title }, c) => ({
        id,
        title,
        raw: of(`raw/${id}`),
        weight: weightOf(scene, ask.frame, stack, c),
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
          const near = missing === null ? await this.#models.neighbours(one) : null;
          return {
            id: row.id,
            value: missing === null ? of(`model/${row.id}`) : null,
            spread: spread === null ? null : { value: spread, over: this.#models.spreadWords(scene, one) },
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
    wantQuantities(scene, this.#models, ask.quantities);
    const rows = spread(scene.model, state, [{ element: ask.range.element, places }]);
    const { values, refused, why } = await this.#rows.answer(
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
    data: Uint8Array<ArrayBuffer>;
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
    wantQuantities(scene, this.#models, quantities);
    const along = axes.map((range, a) => ({
      element: range.element,
      places: placesOf(model, range, `field, axis ${'xyz'[a]}`),
    }));
    const rows = spread(model, state, along);
    const { values, refused, why } = await this.#rows.answer(
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
      data: pack({ values: grid, gradient }),
    };
  }

  #scene({ episodeId, frame }: ProbeAt): Scene {
    const scene = this.#scenes.get(episodeId, () => openScene(this.#lab, episodeId));
    if (frame > scene.row.length)
      throw new UsageError([`Episode ${episodeId}: found frame ${frame}, wanted 0 to ${scene.row.length}`]);
    return scene;
  }
}

/** By its own least and largest value to 0 .. 1; all 0 where it is level. */
function normalised(values: Float32Array): Float32Array {
  const range = rangeOf(values);
  if (range === null) return values;
  const { low, high } = range;
  return values.map((value) => (Number.isNaN(value) ? value : high > low ? (value - low) / (high - low) : 0));
}
