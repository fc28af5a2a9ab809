/** Part of the contract: what people say about runs, their configurations side by side, curves of groups, and where truth and proxy part. */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './bytes.ts';

const id = z.int().positive();
const intervalSchema = z.object({ low: z.number(), high: z.number() });

/** No comma, so that tags can be typed one after another. */
export const tagSchema = z
  .string()
  .min(1)
  .max(60)
  .regex(/^[^\s,][^,]*(?<!\s)$/, 'wanted no commas, and no blanks at the ends');

/** A run (`7`) or a group (`g2`). */
const sideSchema = z.string().regex(/^([1-9]\d{0,9}|[gs][1-9]\d{0,8})$/, 'wanted a run (7) or a group (g2)');

/** Where the points of a curve stand: environment steps, or seconds of training (`time/all` added up; evaluations and pauses do not count). */
export const curveAxisSchema = z.enum(['steps', 'seconds']);
export type CurveAxis = z.infer<typeof curveAxisSchema>;

const leftOutSchema = z.array(z.object({ id, why: z.string() }));
const pointsField = z.int().min(2).max(1000).default(200);
const metricField = z.string().min(1).max(200);

export const groupCurvesSchema = z.object({
  groups: z.array(
    z.object({
      key: z.string(),
      /** Those in the curve. */
      runs: z.array(z.object({ id, seed: z.int() })),
      left: leftOutSchema,
      /** The places that all of its runs reach; null where there is no curve, `why` says why. */
      range: z.object({ from: z.number(), to: z.number() }).nullable(),
      why: z.string().nullable(),
      /** Against the baseline, over the places that both reach; null for the baseline itself and without one. */
      against: z
        .object({
          /** `paired`: runs of equal training seeds; `stratified`: each group drawn from itself; `single`: no interval. */
          kind: z.enum(['paired', 'stratified', 'single']),
          /** Training seeds that were paired. */
          seeds: z.array(z.int()),
          /** Place of the numbers that follow: the last that both reach. */
          at: z.number(),
          difference: z.number(),
          interval: intervalSchema.nullable(),
          /** That a run of this group is higher there than a run of the baseline; of two runs each or more. */
          improvement: z.object({ probability: z.number(), interval: intervalSchema }).nullable(),
        })
        .nullable(),
      /** Why there is nothing against the baseline. */
      barrier: z.string().nullable(),
    }),
  ),
  /**
   * Unpacks (lab/pack.ts) to float64 arrays: `<i>/x`, `<i>/middle`, `<i>/low`, `<i>/high`, `<i>/run/<id>` [points] of group i,
   * and `<i>/difference/x`, `.../middle`, `.../low`, `.../high` against the baseline. `low` and `high` are NaN of one run.
   */
  data: bytesSchema,
});
export type GroupCurves = z.infer<typeof groupCurvesSchema>;

const changeSchema = z.object({ peak: z.number(), after: z.number(), interval: intervalSchema });
export const truthBesideProxySchema = z.object({
  runs: z.array(z.object({ id, seed: z.int() })),
  left: leftOutSchema,
  range: z.object({ from: z.number(), to: z.number() }).nullable(),
  why: z.string().nullable(),
  parting: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('part'),
      /** The truth's peak: from here on they go apart. */
      at: z.number(),
      /** Where it shows beyond the intervals. */
      seen: z.number(),
      truth: changeSchema,
      proxy: changeSchema,
    }),
    z.object({ kind: z.literal('together') }),
    z.object({ kind: z.literal('not measurable'), why: z.string() }),
  ]),
  /** `x`, `truth/middle`, `truth/low`, `truth/high`, `proxy/middle`, `proxy/low`, `proxy/high`: float64 [points]. */
  data: bytesSchema,
});
export type TruthBesideProxy = z.infer<typeof truthBesideProxySchema>;

const learnedProxySchema = z.object({
  /** For `truth`, in place of a metric. */
  key: z.string(),
  title: z.string(),
  /** Training episodes of the runs that have it. */
  episodes: z.int(),
});
export type LearnedProxy = z.infer<typeof learnedProxySchema>;

const number = z.number().nullable();
const comparedMetric = z.enum(['success', 'return', 'progress']);
/** `Comparison` of lab/compare.ts; what is not a number is null. */
export const comparisonSchema = z.object({
  metric: comparedMetric,
  runs: z.array(
    z.object({
      side: z.string(),
      run: id,
      seed: z.int(),
      status: z.string(),
      trainedSteps: z.int(),
      episodes: z.int(),
      success: number,
      interval: intervalSchema,
      return: number,
      progress: number,
    }),
  ),
  sides: z.array(
    z.object({
      side: z.string(),
      name: z.string(),
      runs: z.array(id),
      seeds: z.array(z.int()),
      episodes: z.int(),
      success: number,
      interval: intervalSchema,
      mean: number,
      deviation: number,
      iqm: number,
      iqmInterval: intervalSchema.nullable(),
      curve: z.object({ mean: number, interval: intervalSchema.nullable() }).nullable(),
    }),
  ),
  differences: z.array(
    z.object({
      side: z.string(),
      against: z.string(),
      of: z.enum(['policies', 'methods']),
      difference: number,
      interval: intervalSchema.nullable(),
      p: number,
      test: z.string(),
      pairs: z.object({ wins: z.int(), losses: z.int(), ties: z.int() }).nullable(),
      improvement: z.object({ probability: z.number(), interval: intervalSchema }).nullable(),
      curve: z.object({ difference: number, interval: intervalSchema }).nullable(),
      verdict: z.enum(['better', 'worse', 'cannot tell', 'not measurable']),
      why: z.string(),
    }),
  ),
  protocol: z.object({ runs: z.string(), sides: z.string(), differences: z.string() }),
  notes: z.array(z.string()),
});
export type ComparisonInfo = z.infer<typeof comparisonSchema>;

export const configValueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type ConfigValue = z.infer<typeof configValueSchema>;

export const runDetailSchema = z.object({
  id,
  /** The whole configuration, one value a path: `algorithmSettings.learningRate`, `reward.1 (sarm).weight`, `versions.engine`, `device`. */
  config: z.record(z.string(), configValueSchema),
  /** Newest, lowest and highest value of the metrics that were asked for, where the run has them. */
  metrics: z.record(z.string(), z.object({ last: z.number(), lowest: z.number(), highest: z.number() })),
});
export type RunDetail = z.infer<typeof runDetailSchema>;

export const runsContract = {
  /** Writes down tags (all of a run's) and notes; what is left out stays. All runs or none. */
  mark: oc
    .input(
      z.object({
        marks: z
          .array(
            z.object({
              id,
              tags: z.array(tagSchema).max(50).optional(),
              note: z.string().max(5000).optional(),
            }),
          )
          .min(1)
          .max(1000),
      }),
    )
    .output(z.array(z.object({ id, tags: z.array(z.string()), note: z.string() }))),
  /** Runs that fit a filter expression (docs/filters.md). */
  filter: oc.input(z.object({ filter: z.string().max(2000) })).output(z.object({ ids: z.array(id) })),
  /** Configurations flat, and extremes of metrics; of all runs where none are named. `names`: every metric that one of them has. */
  configs: oc
    .input(
      z.object({ ids: z.array(id).max(2000).optional(), metrics: z.array(metricField).max(50).default([]) }),
    )
    .output(z.object({ runs: z.array(runDetailSchema), names: z.array(z.string()) })),
  /** As `lab compare`: stored evaluations of runs and groups; every other side against the first. */
  compare: oc
    .input(z.object({ sides: z.array(sideSchema).min(2).max(20), metric: comparedMetric.default('success') }))
    .output(comparisonSchema),
  /** One metric, each group's runs in one curve with its interval. */
  curves: oc
    .input(
      z.object({
        groups: z
          .array(z.object({ key: z.string().min(1).max(200), runs: z.array(id).min(1).max(100) }))
          .min(1)
          .max(16),
        metric: metricField,
        x: curveAxisSchema.default('steps'),
        points: pointsField,
        /** Key of the group that the others are compared with. */
        baseline: z.string().optional(),
      }),
    )
    .output(groupCurvesSchema),
  /** A true measure beside what the runs are paid, and the step from which they part. */
  truth: oc
    .input(
      z.object({
        runs: z.array(id).min(1).max(100),
        truth: z.enum(['rollout/success', 'rollout/progress', 'evaluation/success', 'evaluation/progress']),
        /** A metric, or a key of `learned`. */
        proxy: metricField,
        x: curveAxisSchema.default('steps'),
        points: pointsField,
      }),
    )
    .output(truthBesideProxySchema),
  /** Learned progress that is stored with the training episodes of these runs, for `truth`. */
  learned: oc
    .input(z.object({ runs: z.array(id).min(1).max(100) }))
    .output(z.object({ proxies: z.array(learnedProxySchema) })),
  /** The run or group that others are compared with; null: none is pinned. */
  pinned: oc.output(z.object({ side: z.string().nullable() })),
  pin: oc.input(z.object({ side: sideSchema.nullable() })).output(z.object({ side: z.string().nullable() })),
};
