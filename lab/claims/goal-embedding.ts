/** VLM-RM (arXiv 2310.12921) with an encoder of the lab's own: projection on the line from baseline to goal, and wider encoders. */

import { spearman } from '../../learn/diagnostics/agreement.ts';
import { goalEmbedding } from '../../learn/rewards/goal-embedding.ts';
import type { SenseId } from '../../learn/rewards/senses.ts';
import type { Demonstration, FitContext, RewardModel } from '../../learn/rewards/types.ts';
import { viewsOf } from '../../sim/camera.ts';
import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../sim/fields.ts';
import { fitContext } from '../fit.ts';
import { demonstrate, sensed } from '../footage.ts';
import { episodeSeed } from '../seeds.ts';
import { claimEpisodes, type EpisodeCounts } from './material.ts';
import type { Claim, ClaimSetup } from './types.ts';

/** Rendering is what takes long: about 30 episodes are drawn once for all arms. */
const counts: EpisodeCounts = { demonstrations: 8, wandering: 8, heldOut: 5 };

/** Episodes as one sense shows them, and how a model fitted on them is measured. */
interface Study {
  readonly demonstrations: readonly Demonstration[];
  readonly context: FitContext;
  /** Spearman correlation of the raw R with true progress over all frames of the held-out episodes. */
  measure(model: RewardModel): number;
}

function studiesOf(setup: ClaimSetup, wanted: EpisodeCounts): (sense: SenseId) => Study {
  const { model, seed, compute, signal } = setup;
  const { training, successes, failures } = claimEpisodes(setup, wanted);
  const judged = [...successes, ...failures];
  const truth = judged.flatMap((one) => [...one.truth.progress]);
  return (sense) => {
    const rows = judged.map((one) => sensed(model, one, [sense]));
    return {
      demonstrations: training.map((one) => demonstrate(model, one, [sense])),
      context: fitContext(model, [sense], { compute, seed: episodeSeed('fit', seed, 0), signal }),
      measure(fitted) {
        const scores = judged.flatMap((one, n) => [
          ...fitted.score(rows[n]!, one.length).extras['similarity']!,
        ]);
        return spearman(scores, truth);
      },
    };
  };
}

const settingsOf = (settings: AnySettings): AnySettings => ({
  ...defaultsOf(goalEmbedding.fields),
  ...settings,
});

const alphas = { 'alpha-0': 0, 'alpha-25': 0.25, 'alpha-50': 0.5, 'alpha-75': 0.75, 'alpha-100': 1 } as const;

const projectionArms = {
  'alpha-0': 'cosine with the goal alone',
  'alpha-25': 'a quarter projected on the line from baseline to goal',
  'alpha-50': 'half projected (the default)',
  'alpha-75': 'three quarters projected',
  'alpha-100': 'only the place along the line',
  pixels: 'half projected, pixels instead of an encoder',
  state: 'half projected, raw observations instead of pictures',
} as const;

/** By arm; one encoder for all alphas. */
export async function projections(
  setup: ClaimSetup,
  wanted: EpisodeCounts,
  settings: AnySettings = {},
): Promise<Record<keyof typeof projectionArms, number>> {
  setup.onProgress('pictures');
  const studies = studiesOf(setup, wanted);
  const seen = studies('view:front');
  const found: Record<string, number> = {};
  let pretrained: Uint8Array | undefined;
  for (const [arm, alpha] of Object.entries(alphas)) {
    setup.onProgress(arm);
    const { model } = await goalEmbedding.fit(seen.demonstrations, settingsOf({ ...settings, alpha }), {
      ...seen.context,
      ...(pretrained === undefined ? {} : { pretrained }),
    });
    pretrained ??= model.save();
    found[arm] = seen.measure(model);
  }
  const raw = async (input: SenseId, { demonstrations, context, measure }: Study): Promise<number> =>
    measure((await goalEmbedding.fit(demonstrations, settingsOf({ input, encoder: 'none' }), context)).model);
  found['pixels'] = await raw('view:front', seen);
  found['state'] = await raw('observation', studies('observation'));
  return found as Record<keyof typeof projectionArms, number>;
}

const widths = {
  'width-4': { hiddenSize: 4, embeddingSize: 4 },
  'width-16': { hiddenSize: 16, embeddingSize: 8 },
  'width-64': { hiddenSize: 64, embeddingSize: 16 },
  'width-128': { hiddenSize: 128, embeddingSize: 32 },
} as const;

/** By arm. */
export async function widened(
  setup: ClaimSetup,
  wanted: EpisodeCounts,
  settings: AnySettings = {},
): Promise<Record<keyof typeof widths, number>> {
  setup.onProgress('pictures');
  const seen = studiesOf(setup, wanted)('view:front');
  const found: Record<string, number> = {};
  for (const [arm, sizes] of Object.entries(widths)) {
    setup.onProgress(arm);
    const { model } = await goalEmbedding.fit(
      seen.demonstrations,
      settingsOf({ ...settings, ...sizes }),
      seen.context,
    );
    found[arm] = seen.measure(model);
  }
  return found as Record<keyof typeof widths, number>;
}

const unsuitable = (model: TaskModel): string | undefined =>
  viewsOf(model).some(({ name }) => name === 'front') ? undefined : 'has no view named front';

const metric =
  'Spearman correlation of R with true progress over all frames of 5 held-out successes and up to 10 failures (wandering; experts that lose their way); encoder fitted on 8 demonstrations and 8 wandering episodes';

export const goalEmbeddingClaims: readonly Claim[] = [
  {
    id: 'projection',
    statement:
      'projecting on the line from baseline to goal makes similarity to the goal follow progress better',
    metric,
    arms: projectionArms,
    baseline: 'alpha-0',
    task: 'drawer',
    unsuitable,
    seeds: 5,
    expects: [{ kind: 'better', arm: 'alpha-50', than: 'alpha-0', want: 'higher' }],
    run: (setup) => projections(setup, counts),
  },
  {
    id: 'width',
    statement: 'a wider encoder follows progress better',
    metric: `${metric}; alpha 0.5`,
    arms: {
      'width-4': '4 hidden units, embeddings of 4',
      'width-16': '16 hidden units, embeddings of 8',
      'width-64': '64 hidden units, embeddings of 16 (the default)',
      'width-128': '128 hidden units, embeddings of 32',
    },
    baseline: 'width-4',
    task: 'drawer',
    unsuitable,
    seeds: 5,
    expects: [{ kind: 'better', arm: 'width-64', than: 'width-4', want: 'higher' }],
    run: (setup) => widened(setup, counts),
  },
];
