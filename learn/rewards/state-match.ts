// StateFactory: Reward Prediction with Factorized World States, https://arxiv.org/abs/2603.09400
/**
 * Progress without any training: state and goal as objects with attributes, and how well they match.
 *
 *   s(g, o) = same(g, o) * mean_{a in g} k(|g_a - o_a|)      an attribute that o does not have matches with 0
 *   k(d)    = exp(-d / scale_a)                              d: Euclidean over the axes of the attribute
 *   reward  = mean_g max_o s(g, o)
 *
 *   same    1 for the same name, or for the same kind (`block1` and `block2` are blocks), else 0
 *   scale_a the distance of that attribute at the first frame of the episode (restScale where it is right there); or `scale`
 *
 * Objects and attributes are read off the names of the senses: `block1Pos.x` is an axis of the position of object block1,
 * `blockSpeed` the speed of block; what names no object (`opened`, `x`) belongs to the object `self`.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import type { Workload } from '../tensor/compute.ts';
import { openModel, packModel } from './bytes.ts';
import { throwIfAborted } from './fitting.ts';
import { checkEpisodes } from './labels.ts';
import { createRewardModel } from './model.ts';
import type { FrameLayout, SenseId } from './senses.ts';
import type { Demonstration, FitContext, LearnedReward, RewardModel } from './types.ts';

const fields = {
  goalFrom: {
    type: 'choice',
    default: 'task',
    options: ['task', 'demonstration'],
    help: 'What is wanted: the goal that the task states, or how the first successful demonstration ended (for tasks that state none)',
  },
  attributes: {
    type: 'choice',
    default: 'relations',
    options: ['relations', 'places'],
    help: 'goalFrom demonstration: where targets are seen from the thing and how things are turned, or where things are on the table (only where that is always the same)',
  },
  identity: {
    type: 'choice',
    default: 'name',
    options: ['name', 'kind'],
    help: 'An object of the goal is met by the one with its name, or by any of its kind (names without their number)',
  },
  scaling: {
    type: 'choice',
    default: 'start',
    options: ['start', 'fixed'],
    help: 'The distance at which a match has fallen to 1/e: that of the first frame of the episode, or `scale`',
  },
  restScale: {
    type: 'number',
    default: 5,
    min: 1e-3,
    max: 100,
    unit: "the attribute's own unit",
    help: 'Scaling by the start: that distance for what is right at the first frame (rest, release). Small: whatever moves counts as far from the goal',
  },
  scale: {
    type: 'number',
    default: 0.1,
    min: 1e-3,
    max: 100,
    unit: "the attribute's own unit",
    help: 'Fixed scaling: that distance',
  },
} as const satisfies Fields;

type MatchSettings = Settings<typeof fields>;

const title = 'State-match model';
const magic = 'rl-match';
/** What is nearer than this at the first frame (metres, m/s, radians) counts as right from the start. */
const leastStart = 0.01;

export const stateMatch: LearnedReward = {
  kind: 'learned',
  id: 'state-match',
  title: 'State match',
  summary: 'No training: how well the attributes of objects match those of the goal.',
  source: 'https://arxiv.org/abs/2603.09400',
  fields,
  causal: true,
  leastDemonstrations: 0,
  senses: (given) => [sensesOf(settingsOf(given))],
  workload,
  fit,
  load,
};

const settingsOf = (given: AnySettings): MatchSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given }) as MatchSettings;

const sensesOf = ({ goalFrom }: MatchSettings): SenseId => (goalFrom === 'task' ? 'goal' : 'objects');

/** Nothing is computed on the device; a chooser wants some network all the same. */
function workload(_given: AnySettings, { frameDim }: Pick<FitContext, 'frameDim'>): Workload {
  return { networks: [{ sizes: [frameDim, 1], activation: 'tanh' }], updateRows: 1, actRows: 1 };
}

// ---------------------------------------------------------------------------------------------------------------------
// The tree

export interface Attribute {
  readonly name: string;
  /** Where its axes are in whatever the names are of. */
  readonly at: readonly number[];
}

export interface ObjectNode {
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

/** What a name may end in, and what that is an attribute called. */
const endings: Readonly<Record<string, string>> = {
  Pos: 'position',
  Speed: 'speed',
  Above: 'height above',
  Up: 'upright',
  Opening: 'opening',
  FromHand: 'from hand',
  FromThing1: 'from thing1',
};
const ending = new RegExp(`^(.+?)(${Object.keys(endings).join('|')})$`);

/** `block1Pos.x` -> block1, position; `base.x` -> base, position; `x` -> self, position; `opened` -> self, opened. */
export function partsOf(name: string): { readonly object: string; readonly attribute: string } {
  if (/^[xyz]$/.test(name)) return { object: 'self', attribute: 'position' };
  const stem = name.replace(/\.[xyz]$/, '');
  const found = ending.exec(stem);
  if (found !== null) return { object: found[1]!, attribute: endings[found[2]!]! };
  return stem === name ? { object: 'self', attribute: name } : { object: stem, attribute: 'position' };
}

/** Objects in the order of their first names. */
export function treeOf(names: readonly string[], offset = 0): ObjectNode[] {
  const objects = new Map<string, Map<string, number[]>>();
  for (const [i, name] of names.entries()) {
    const { object, attribute } = partsOf(name);
    const attributes = objects.get(object) ?? new Map<string, number[]>();
    objects.set(object, attributes);
    attributes.set(attribute, [...(attributes.get(attribute) ?? []), offset + i]);
  }
  return [...objects].map(([name, attributes]) => ({
    name,
    attributes: [...attributes].map(([attribute, at]) => ({ name: attribute, at })),
  }));
}

const kindOf = (name: string): string => name.replace(/\d+$/, '');

/** A goal attribute and where it stands in the goal and in one candidate; empty where the candidate has none such. */
interface Pair {
  readonly goal: readonly number[];
  readonly state: readonly number[];
}

interface GoalObject {
  readonly name: string;
  readonly attributes: readonly string[];
  /** Attributes of all goal objects are counted through; where this one's begin. */
  readonly first: number;
  /** By candidate, by attribute. The candidate of the same name comes first. */
  readonly candidates: readonly (readonly Pair[])[];
}

/** What is compared with what. */
export interface Matching {
  readonly objects: readonly GoalObject[];
  readonly attributeCount: number;
}

export function matchingOf(
  goal: readonly ObjectNode[],
  state: readonly ObjectNode[],
  identity: MatchSettings['identity'],
): Matching {
  let attributeCount = 0;
  const objects = goal.map(({ name, attributes }) => {
    const first = attributeCount;
    attributeCount += attributes.length;
    const own = state.filter((other) => other.name === name);
    const kin =
      identity === 'name'
        ? []
        : state.filter((other) => other.name !== name && kindOf(other.name) === kindOf(name));
    return {
      name,
      attributes: attributes.map((attribute) => attribute.name),
      first,
      candidates: [...own, ...kin].map((other) =>
        attributes.map((attribute) => ({
          goal: attribute.at,
          state: other.attributes.find((one) => one.name === attribute.name)?.at ?? [],
        })),
      ),
    };
  });
  return { objects, attributeCount };
}

/** Euclidean; infinite where the candidate lacks the attribute. */
function distanceOf(
  { goal, state }: Pair,
  wanted: Float64Array,
  wantedOffset: number,
  frame: Float64Array,
  offset: number,
): number {
  if (state.length !== goal.length) return Number.POSITIVE_INFINITY;
  let square = 0;
  for (let k = 0; k < goal.length; k++)
    square += (wanted[wantedOffset + goal[k]!]! - frame[offset + state[k]!]!) ** 2;
  return Math.sqrt(square);
}

/**
 * The reward of a state, and what it is made of: the match of each goal object, and of each of its attributes with the object
 * that matched best. scales: by attribute. wanted: numbers of the goal from `wantedOffset`; frame: of the state from `offset`.
 */
export function match(
  { objects }: Matching,
  scales: ArrayLike<number>,
  scalesOffset: number,
  wanted: Float64Array,
  wantedOffset: number,
  frame: Float64Array,
  offset: number,
  objectMatch: Float64Array,
  attributeMatch: Float64Array,
): number {
  let sum = 0;
  for (const [g, { first, candidates, attributes }] of objects.entries()) {
    let best = -1;
    attributeMatch.fill(0, first, first + attributes.length);
    for (const pairs of candidates) {
      let mean = 0;
      for (let a = 0; a < pairs.length; a++) {
        const d = distanceOf(pairs[a]!, wanted, wantedOffset, frame, offset);
        mean += Math.exp(-d / scales[scalesOffset + first + a]!) / pairs.length;
      }
      // A broken number must show, and stays the best.
      if (!(mean > best || Number.isNaN(mean))) continue;
      best = mean;
      for (let a = 0; a < pairs.length; a++) {
        const d = distanceOf(pairs[a]!, wanted, wantedOffset, frame, offset);
        attributeMatch[first + a] = Math.exp(-d / scales[scalesOffset + first + a]!);
      }
    }
    objectMatch[g] = candidates.length === 0 ? 0 : best;
    sum += objectMatch[g]!;
  }
  return sum / objects.length;
}

// ---------------------------------------------------------------------------------------------------------------------
// "Fitting"

async function fit(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  { frameDim: dim, layout, stages, signal, onProgress }: FitContext,
): ReturnType<LearnedReward['fit']> {
  const settings = settingsOf(given);
  if (demonstrations.length > 0) checkEpisodes(demonstrations, dim);
  throwIfAborted(signal);
  const { names } = partOf(layout, sensesOf(settings));
  const reference = settings.goalFrom === 'task' ? undefined : referenceOf(demonstrations, dim);
  const spec: ModelSpec = { settings, dim, stages, names, reference: reference ?? new Float64Array(0) };
  const matching = compile(spec);
  if (matching.objects.length === 0) {
    throw new RangeError(
      `State match: found nothing with ${settings.attributes} where the demonstration ended, wanted at least one thing or target; try attributes: ${settings.attributes === 'places' ? 'relations' : 'places'}`,
    );
  }
  const model = createModel(spec, matching);
  onProgress({ done: 1, total: 1, metrics: {} });
  const metrics: Record<string, number> = {
    'goal/objects': matching.objects.length,
    'goal/attributes': matching.attributeCount,
  };
  const successes = demonstrations.filter(({ success }) => success);
  if (successes.length > 0) {
    const scores = successes.map(({ frames, length }) => model.score(frames, length).perStep);
    const mean = (of: (score: Float32Array) => number): number =>
      scores.reduce((sum, score) => sum + of(score) / scores.length, 0);
    metrics['match/start'] = mean((score) => score[0]!);
    metrics['match/end'] = mean((score) => score.at(-1)!);
  }
  return { model, metrics };
}

function partOf({ parts }: FrameLayout, wanted: SenseId): FrameLayout['parts'][number] {
  const part = parts[0];
  if (parts.length === 1 && part!.sense === wanted) return part!;
  throw new RangeError(
    `State match: found senses ${parts.map(({ sense }) => sense).join(', ')}, wanted ${wanted} alone`,
  );
}

/** The last frame of the first success. */
function referenceOf(demonstrations: readonly Demonstration[], dim: number): Float64Array {
  const one = demonstrations.find(({ success }) => success);
  if (one === undefined) {
    throw new RangeError(
      `Demonstrations: found ${demonstrations.length}, none of them a success, wanted one to take the goal from (goalFrom: demonstration)`,
    );
  }
  return one.frames.slice(one.length * dim, (one.length + 1) * dim);
}

/** Of the objects of a demonstration's end, those that are there with what is wanted of them. */
function wantedNodes(
  tree: readonly ObjectNode[],
  names: readonly string[],
  reference: Float64Array,
  attributes: MatchSettings['attributes'],
): ObjectNode[] {
  const wanted = attributes === 'relations' ? ['upright', 'from thing1'] : ['position', 'upright'];
  return tree.flatMap(({ name, attributes: all }) => {
    // `thing2` itself is 1 where there is such a thing.
    if (!/^(thing|target)\d+$/.test(name) || reference[names.indexOf(name)] !== 1) return [];
    if (attributes === 'places' && name.startsWith('target')) return [];
    return [{ name, attributes: all.filter((attribute) => wanted.includes(attribute.name)) }];
  });
}

function compile({ settings, names, reference }: ModelSpec): Matching {
  const { identity, goalFrom, attributes } = settings;
  if (goalFrom === 'task') {
    const half = names.length / 2;
    const own = names.slice(0, half).map((name) => name.replace(/^achieved\//, ''));
    return matchingOf(treeOf(own, half), treeOf(own), identity);
  }
  const tree = treeOf(names);
  return matchingOf(wantedNodes(tree, names, reference, attributes), tree, identity);
}

// ---------------------------------------------------------------------------------------------------------------------
// The model

interface ModelSpec {
  readonly settings: MatchSettings;
  readonly dim: number;
  readonly stages: readonly string[];
  /** Of the frame's numbers. [dim] */
  readonly names: readonly string[];
  /** The end of a demonstration, [dim]; empty where the task states the goal. */
  readonly reference: Float64Array;
}

function createModel(spec: ModelSpec, matching: Matching): RewardModel {
  const { settings, dim, stages, names, reference } = spec;
  const { objects, attributeCount } = matching;
  const objectTracks = objects.map(({ name }) => `object/${name}`);
  const attributeTracks = objects.flatMap(({ name, attributes }) =>
    attributes.map((attribute) => `attribute/${name}/${attribute}`),
  );
  const isFixed = settings.scaling === 'fixed';
  const fixed = new Float64Array(attributeCount).fill(settings.scale);
  const isStated = settings.goalFrom === 'task';
  return createRewardModel({
    method: 'state-match',
    title,
    senses: [sensesOf(settings)],
    frameDim: dim,
    stages,
    scorer() {
      const objectMatch = new Float64Array(objects.length);
      const attributeMatch = new Float64Array(attributeCount);
      return {
        // The scales of the episode.
        memory: isFixed ? 0 : attributeCount,
        memoryIsFixed: true,
        extras: [...objectTracks, ...attributeTracks],
        begin(frames, offset, memory, memoryOffset) {
          if (isFixed) return;
          for (const { first, candidates, attributes } of objects) {
            for (let a = 0; a < attributes.length; a++) {
              const pair = candidates[0]?.[a];
              const d =
                pair === undefined
                  ? 0
                  : distanceOf(pair, isStated ? frames : reference, isStated ? offset : 0, frames, offset);
              memory[memoryOffset + first + a] = d < leastStart ? settings.restScale : d;
            }
          }
        },
        run(frames, offset, rows, memory, memoryOffset, { progress, extras }) {
          for (let row = 0; row < rows; row++) {
            const at = offset + row * dim;
            progress[row] = match(
              matching,
              isFixed ? fixed : memory,
              isFixed ? 0 : memoryOffset + row * attributeCount,
              isStated ? frames : reference,
              isStated ? at : 0,
              frames,
              at,
              objectMatch,
              attributeMatch,
            );
            for (const [g, track] of objectTracks.entries()) extras[track]![row] = objectMatch[g]!;
            for (const [a, track] of attributeTracks.entries()) extras[track]![row] = attributeMatch[a]!;
          }
        },
      };
    },
    save: () =>
      packModel(magic, {
        header: { settings, frameDim: dim, stages, names, reference: Array.from(reference) },
        weights: new Float32Array(0),
      }),
  });
}

function load(bytes: Uint8Array): RewardModel {
  const saved = openModel(title, magic, bytes);
  const { frameDim: dim, stages } = saved;
  const { names } = saved.header;
  if (!Array.isArray(names) || names.length !== dim) {
    throw new RangeError(
      `${title}: found header keys ${Object.keys(saved.header).join(', ')}, wanted settings, frameDim, stages, reference and frameDim names`,
    );
  }
  const spec: ModelSpec = {
    settings: settingsOf(saved.settings),
    dim,
    stages,
    names: names.map(String),
    reference: saved.numbers('reference'),
  };
  return createModel(spec, compile(spec));
}
