/** Which curves a reward model, or a group of them, becomes, and where several of them differ. Pure. */

import type { Series } from '../state/opened.ts';

/** Scores of one model on one episode, as `episodes.score` gives them. */
export interface ModelScore {
  readonly key: string;
  readonly title: string;
  readonly seed: number | null;
  readonly baseline: boolean;
  readonly causal: boolean;
  /** [T + 1] */
  readonly perStep: Float32Array;
  readonly std: Float32Array | null;
}

/** What was chosen to be drawn: a stored model (`12`), a baseline (`time-ramp`), or all models of a family (`group:<family>`). */
export type Pick = string;

export const groupPick = (family: string): Pick => `group:${family}`;

/** Models behind a choice. `members`: keys of the models of a family. */
export function keysOf(picks: readonly Pick[], members: (family: string) => readonly string[]): string[] {
  return [...new Set(picks.flatMap((pick) => (pick.startsWith('group:') ? members(pick.slice(6)) : [pick])))];
}

/** Curves of what was chosen, in that order; what has no score yet is left out. */
export function scoredSeries(
  picks: readonly Pick[],
  members: (family: string) => readonly string[],
  scores: ReadonlyMap<string, ModelScore>,
): Series[] {
  return picks.flatMap((pick) => {
    if (pick.startsWith('group:')) {
      const own = members(pick.slice(6)).flatMap((key) => scores.get(key) ?? []);
      return own.length === 0 ? [] : [groupSeries(pick.slice(6), own)];
    }
    const score = scores.get(pick);
    return score ? [modelSeries(score)] : [];
  });
}

function modelSeries({ key, title, baseline, causal, perStep, std }: ModelScore): Series {
  return {
    name: `progress/model/${key}`,
    label: title,
    lane: 'progress',
    values: perStep,
    isModel: true,
    help: `Progress by ${title}${baseline ? ', a counter-baseline' : ''}${causal ? '' : '; it looks ahead: later frames enter, too'}.${std ? ' Band: one standard deviation over its own ensemble.' : ''}`,
    ...(std
      ? {
          band: {
            low: perStep.map((value, t) => value - std[t]!),
            high: perStep.map((value, t) => value + std[t]!),
            what: 'one standard deviation',
          },
        }
      : {}),
  };
}

/** Mean of the members, and a band from the lowest to the highest of them: no method has an ensemble of its own. */
function groupSeries(family: string, scores: readonly ModelScore[]): Series {
  const length = scores[0]!.perStep.length;
  const low = new Float32Array(length);
  const high = new Float32Array(length);
  const values = new Float32Array(length);
  for (let t = 0; t < length; t++) {
    const here = scores.map(({ perStep }) => perStep[t]!);
    low[t] = Math.min(...here);
    high[t] = Math.max(...here);
    values[t] = here.reduce((sum, value) => sum + value, 0) / here.length;
  }
  const method = scores[0]!.title.replace(/ #\d+$/, '');
  const names = scores.map(({ key, seed }) => `#${key}${seed === null ? '' : ` (seed ${seed})`}`).join(', ');
  return {
    name: `progress/group/${family}`,
    label: `${method}, mean of ${scores.length}`,
    lane: 'progress',
    values,
    isModel: true,
    help: `Mean of ${scores.length} ${method} models with the same settings, fitted with other seeds: ${names}. Band: from the lowest to the highest of them, no confidence interval.`,
    band: { low, high, what: `lowest to highest of ${scores.length}` },
  };
}

/** The band between the lowest and the highest of two or more curves of one lane, each a reward's; its number is how far they are apart. */
export function differenceSeries(models: readonly Series[]): Series | null {
  if (models.length < 2) return null;
  const length = Math.min(...models.map(({ values }) => values.length));
  const low = new Float32Array(length);
  const high = new Float32Array(length);
  const values = new Float32Array(length);
  for (let t = 0; t < length; t++) {
    const here = models.map((one) => one.values[t]!);
    low[t] = Math.min(...here);
    high[t] = Math.max(...here);
    values[t] = high[t]! - low[t]!;
  }
  return {
    name: `${models[0]!.lane}/difference`,
    label: `difference of ${models.length}`,
    lane: models[0]!.lane,
    values,
    isBandOnly: true,
    help: `Highest minus lowest of ${models.map(({ label }) => label).join(', ')}, as they are.`,
    band: { low, high, what: 'lowest to highest' },
  };
}
