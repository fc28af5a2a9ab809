/**
 * The state probe: what every reward term, reward model and the truth say of a state that somebody made out of a recorded
 * frame. Calls keep nothing; each names episode and frame and brings the state. See docs/probe.md.
 */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './bytes.ts';

const id = z.int().positive();
const at = { episodeId: id, frame: z.int().min(0) };
/** Any number, so that those that are not finite are refused in words. */
const anyNumber = z.custom<number>((value) => typeof value === 'number' || value === null, 'wanted a number');
/** A whole state row; see `layout`. [stateDim] */
export const stateSchema = z.array(anyNumber).min(1).max(20_000);
const state = stateSchema;

/**
 * What the transition terms are paid for: the control step that leads out of the state. `recorded`: with the action of the recorded
 * frame (the zero action in the last one); `zero`: with the zero action; `still`: the world does not move at all (s' = s).
 */
export const probeStepSchema = z.enum(['recorded', 'zero', 'still']);
export type ProbeStep = z.infer<typeof probeStepSchema>;

const step = probeStepSchema.default('recorded');

/** `raw/<term>`, `paid/<term>`, `total`, `progress`, `stage`, `success`, `value`, `model/<id>`, `spread/<id>`, `distance/<id>`. */
const quantityId = z.string().min(1).max(200);

const layoutSchema = z.object({
  name: z.string(),
  offset: z.int(),
  size: z.int(),
  unit: z.string(),
});

const axisName = z.enum(['x', 'y', 'z']);

/** What can be taken hold of: a body, and the numbers of the state that move or turn it. */
export const handleSchema = z.object({
  id: z.string(),
  title: z.string(),
  /** Index of the body that is held; `bodies`: all that go along. */
  body: z.int(),
  bodies: z.array(z.int()),
  /** This element moves the body along this axis, metre by metre; `sign` -1: the other way. */
  moves: z.array(
    z.object({ axis: axisName, element: z.int(), sign: z.union([z.literal(1), z.literal(-1)]) }),
  ),
  /** This element moves the body along a line: metres along x y z for one unit. */
  slide: z.object({ element: z.int(), way: z.array(z.number()).length(3) }).nullable(),
  /**
   * What turns it: an angle in radians, or a unit vector of the state (`quaternion` x y z w, `cosSin`) that starts at `element`. It
   * turns about `axis` (world frame) through `pivot`, `sign` radians for one radian of the element.
   */
  turn: z
    .object({
      kind: z.enum(['angle', 'quaternion', 'cosSin']),
      element: z.int(),
      axis: z.array(z.number()).length(3),
      pivot: z.array(z.number()).length(3),
      sign: z.number(),
    })
    .nullable(),
  /** It stands at one of these places: numbers of the state that choose it, and where the body then is. */
  places: z
    .object({
      elements: z.array(z.int()).min(1),
      list: z.array(z.object({ values: z.array(z.number()), at: z.array(z.number()).length(3) })),
    })
    .nullable(),
});
export type ProbeHandle = z.infer<typeof handleSchema>;

export const quantitySchema = z.object({
  id: quantityId,
  title: z.string(),
  kind: z.enum(['raw', 'paid', 'total', 'truth', 'model', 'spread', 'distance', 'value']),
  /** Bounds, where there are some. */
  range: z.tuple([z.number(), z.number()]).nullable(),
  help: z.string(),
  /** Why it cannot be had here; null where it can. */
  missing: z.string().nullable(),
});
export type ProbeQuantity = z.infer<typeof quantitySchema>;

const openedSchema = z.object({
  task: z.string(),
  frame: z.int(),
  /** The recorded state to the last bit. [stateDim] */
  state: z.array(z.number()),
  layout: z.array(layoutSchema),
  /** Elements before this one are guarded: a state with one of 1e4 or more is refused. */
  guardDim: z.int(),
  handles: z.array(handleSchema),
  quantities: z.array(quantitySchema),
  models: z.array(
    z.object({
      id,
      method: z.string(),
      title: z.string(),
      hash: z.string(),
      /** Its value hangs on the frames before, too: they are the recorded ones. */
      remembers: z.boolean(),
      /** A counter-baseline. */
      baseline: z.boolean(),
      /** Why it cannot score here; null where it can. */
      missing: z.string().nullable(),
    }),
  ),
  /** What `recorded` means in this frame, in words. */
  action: z.string(),
  /** Whether the terms are those of the run's own stack, in words. */
  stack: z.string(),
});
export type ProbeOpened = z.infer<typeof openedSchema>;

const number = z.number().nullable();

const evaluatedSchema = z.object({
  terms: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      raw: number,
      weight: z.number(),
      /** raw x weight, after the rule of its line where it has one; null where that cannot be known, `note` says why. */
      paid: number,
      note: z.string().nullable(),
    }),
  ),
  total: number,
  totalNote: z.string().nullable(),
  truth: z.object({ progress: z.number(), stage: z.int(), stageTitle: z.string(), success: z.boolean() }),
  /** What the critic of the run's newest checkpoint expects from here. */
  value: number,
  models: z.array(
    z.object({
      id,
      value: number,
      /** Standard deviation over its ensemble, or over the stored models of its method. */
      spread: z.object({ value: z.number(), over: z.string() }).nullable(),
      distance: z
        .object({
          /** Root mean square over the frame's numbers, in their deviations. */
          value: z.number(),
          /** 0.99: farther than 99 % of training frames are from their nearest one in another episode. */
          quantile: z.number(),
          words: z.string(),
        })
        .nullable(),
      note: z.string().nullable(),
    }),
  ),
  /** What the transition terms were paid for, in words. */
  step: z.string(),
  /** [bodies * 7] */
  poses: z.array(z.number()),
  /** [bodies * 3]; null where a body keeps its own colour, the whole where no colour changes. */
  colours: z.array(z.number().nullable()).nullable(),
  handles: z.array(handleSchema),
});
export type ProbeEvaluated = z.infer<typeof evaluatedSchema>;

/** An element of the state that is changed from one number to another. */
const rangeSchema = z.object({
  element: z.int().min(0),
  from: anyNumber,
  to: anyNumber,
  count: z.int().min(2).max(512),
});
export type ProbeRange = z.infer<typeof rangeSchema>;

export const probeContract = {
  open: oc.input(z.object(at)).output(openedSchema),
  evaluate: oc
    .input(z.object({ ...at, state, step, models: z.array(id).max(64).optional() }))
    .output(evaluatedSchema),
  sweep: oc
    .input(
      z.object({ ...at, state, step, range: rangeSchema, quantities: z.array(quantityId).min(1).max(16) }),
    )
    .output(
      z.object({
        at: z.array(z.number()),
        curves: z.array(z.object({ quantity: quantityId, values: z.array(number) })),
        /** States that no episode can have, left out of the curves, and why the first was. */
        refused: z.int(),
        why: z.string().nullable(),
      }),
    ),
  /**
   * `data` unpacks to `values` float32 [z, y, x], NaN where the state was refused, and `gradient` float32 [z, y, x, axes]: change of
   * the value for one unit of each axis. With `minus` the values are `quantity` less `minus`; `normalise`: each brought to
   * 0 .. 1 by its own least and largest value in the field before.
   */
  field: oc
    .input(
      z.object({
        ...at,
        state,
        step,
        quantity: quantityId,
        minus: quantityId.optional(),
        normalise: z.boolean().default(false),
        x: rangeSchema,
        y: rangeSchema,
        z: rangeSchema.optional(),
      }),
    )
    .output(
      z.object({
        width: z.int(),
        height: z.int(),
        depth: z.int(),
        low: number,
        high: number,
        /** Least and largest of the two quantities of a difference, before they were normalised. */
        ranges: z.array(z.object({ quantity: quantityId, low: z.number(), high: z.number() })),
        refused: z.int(),
        why: z.string().nullable(),
        milliseconds: z.number(),
        data: bytesSchema,
      }),
    ),
};
