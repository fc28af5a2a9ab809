/**
 * Watches a training run by its metrics and says trouble in plain words: once when it begins, then nothing while it
 * lasts, and again only after it had clearly ended. What cannot go on (a number that is not finite, nothing but diverged
 * episodes) stops the run by an error. Reads metrics and sums alone, draws nothing at random, and is saved with the
 * checkpoint, so that a resumed run says what an uninterrupted one says. Every alert is explained in docs/metrics.md.
 */

import type { TermTotals } from './term-sums.ts';

export interface MonitorAlert {
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
  readonly step: number;
}

export interface MonitorOptions {
  /** Names of the reward terms, in the order of their sums. */
  readonly terms: readonly string[];
  /** As in `VectorEnv`: real numbers where there are no choices. */
  readonly actionDim: number;
  readonly choices?: readonly number[];
  /** Discount of the algorithm. */
  readonly gamma: number;
}

// ---------------------------------------------------------------------------------------------------------------------
// Thresholds. An "observation" is one set of metrics: one iteration of the learner.

/** Episodes that shares of success and mean returns are taken over: the noise of a share is then below 0.05. */
const episodeMemory = 100;
/** Observations that a typical level is taken over; it takes this many to get used to a new one. */
const typicalMemory = 50;
/** Observations before a level counts as typical. */
const warmUp = 10;

/** An update that moves the policy this many times as far as usual, where usual counts as 0.01 to 0.02 nats, the targets in use. */
const klSpike = 5;
const usualKl = [0.01, 0.02] as const;

/** Nats a real action component: the entropy of a Gaussian with a deviation of 0.05, a fortieth of the range. */
const collapsedGaussian = -1.58;
/** Share of the highest entropy that options can have. */
const collapsedOptions = 0.05;
/** Success from which on a policy may be as sure of itself as it likes. */
const highSuccess = 0.8;

/** No return is larger than the largest reward / (1 - gamma); a critic off by a factor of 2 may still be learning. */
const valueExcess = 2;
/** A value loss grows a hundredfold when the first rewards of a sparse task arrive; then the critic is no worse than a constant. */
const lossGrowth = 100;
const worseThanConstant = -1;
/** The same where the algorithm does not say how much of the returns its critic explains. */
const lossGrowthAlone = 1e4;

/** Gradients differ from update to update by a factor of 3 or so. */
const gradientGrowth = 30;

/** A network that has lost half of its units in a layer's worth of work has half its size. */
const deadShare = 0.5;
const deadEnded = 0.3;

/** Share of the absolute weighted reward beside which other terms do not count. */
const dominantShare = 0.95;
const dominantEnded = 0.9;
/** Observations that this must last: early in training one term is often the only one within reach. */
const dominantPatience = 20;
/** Observations that shares are taken over. */
const termMemory = 10;
/** Environment steps in which a term that can move at all has moved. */
const silentSteps = 100_000;

/** Loss of true success or progress, of 1, that is no noise over `episodeMemory` episodes. */
const truthLost = 0.25;
/** Share of its range so far that the return must have risen meanwhile. */
const returnRisen = 0.1;

const divergedOften = 0.5;
const divergedSeldom = 0.1;
/** Observations and episodes in a row of which every one diverged: there is nothing left to learn from. */
const hopelessObservations = 10;
const hopelessEpisodes = 50;
/** Observations without an invalid number after which the next one is news. */
const invalidForgotten = 20;

// ---------------------------------------------------------------------------------------------------------------------
// Parts with a state

/** Begins after `patience` bad observations in a row and ends after `calm` clearly good ones in a row. */
class Onset {
  /** [is on, length of the present row] */
  readonly state = new Float64Array(2);
  readonly #patience: number;
  readonly #calm: number;

  constructor(patience: number, calm: number) {
    this.#patience = patience;
    this.#calm = calm;
  }

  get on(): boolean {
    return this.state[0] === 1;
  }

  /** Whether it begins now. */
  observe(bad: boolean, good: boolean): boolean {
    const wasOn = this.on;
    const row = (wasOn ? good : bad) ? this.state[1]! + 1 : 0;
    const changes = row >= (wasOn ? this.#calm : this.#patience);
    this.state[0] = changes === wasOn ? 0 : 1;
    this.state[1] = changes ? 0 : row;
    return changes && !wasOn;
  }
}

/** Mean of the first observations, then an exponential one. */
class Average {
  /** [weight taken in, mean] */
  readonly state = new Float64Array(2);
  readonly #memory: number;

  constructor(memory: number) {
    this.#memory = memory;
  }

  get weight(): number {
    return this.state[0]!;
  }

  get mean(): number {
    return this.state[1]!;
  }

  add(value: number, weight = 1): void {
    this.state[0] = this.state[0]! + weight;
    const share = Math.min(1, weight / Math.min(this.state[0], this.#memory));
    this.state[1] = this.state[1]! + share * (value - this.state[1]!);
  }
}

/** How many times as large as usual a positive number is; 1 until it is known what is usual. */
class Growth {
  readonly typical = new Average(typicalMemory);

  observe(value: number, limit: number): number {
    const size = Math.log(Math.max(value, 1e-12));
    const growth = this.typical.weight < warmUp ? 1 : Math.exp(size - this.typical.mean);
    // Compared with the healthy level for as long as it lasts.
    if (growth <= limit) this.typical.add(size);
    return growth;
  }
}

/** True success or progress beside the return that the learner is paid. */
class Truth {
  readonly truth = new Average(episodeMemory);
  readonly paid = new Average(episodeMemory);
  readonly hacked = new Onset(3, 3);
  readonly collapsed = new Onset(3, 3);
  /** [highest mean of the truth, mean return then, lowest and highest mean return] */
  readonly best = Float64Array.of(-Infinity, 0, Infinity, -Infinity);

  /** What begins now. */
  observe(truth: number, paid: number, episodes: number): 'hacked' | 'collapsed' | undefined {
    this.truth.add(truth, episodes);
    this.paid.add(paid, episodes);
    if (this.truth.weight < episodeMemory) return undefined;
    const { best } = this;
    const [now, income] = [this.truth.mean, this.paid.mean];
    best[2] = Math.min(best[2]!, income);
    best[3] = Math.max(best[3]!, income);
    if (now >= best[0]!) {
      best[0] = now;
      best[1] = income;
    }
    const lost = best[0]! - now;
    const risen = income - best[1]! > returnRisen * (best[3] - best[2]);
    const hacked = this.hacked.observe(lost >= truthLost && risen, lost < truthLost / 2);
    // Halved from a high level; what was said to be hacked has been said.
    const halved = best[0]! >= highSuccess && now < best[0]! / 2;
    const collapsed = this.collapsed.observe(halved && !this.hacked.on, now > highSuccess * best[0]!);
    return hacked ? 'hacked' : collapsed ? 'collapsed' : undefined;
  }

  get parts(): Float64Array[] {
    return [this.truth.state, this.paid.state, this.hacked.state, this.collapsed.state, this.best];
  }
}

// ---------------------------------------------------------------------------------------------------------------------

export class Monitors {
  readonly #options: MonitorOptions;
  readonly #kl = { usual: new Average(typicalMemory), onset: new Onset(1, 3) };
  readonly #entropy = new Onset(3, 3);
  readonly #value = { loss: new Growth(), largest: new Float64Array(1), onset: new Onset(2, 5) };
  readonly #gradient = { norm: new Growth(), onset: new Onset(2, 5) };
  readonly #dead = new Onset(1, 1);
  readonly #saturated = new Onset(1, 1);
  readonly #success = new Truth();
  readonly #progress = new Truth();
  readonly #diverged = { onset: new Onset(3, 3), hopeless: new Float64Array(2) };
  /** Of each term, and of the simulated state as the last: observations since the last invalid number, -1 for none. */
  readonly #invalid: Float64Array;
  /** Of each term: mean weighted size a step, whether it dominates, [sum of its size so far, whether its silence was said]. */
  readonly #terms: readonly { readonly size: Average; readonly onset: Onset; readonly ever: Float64Array }[];
  readonly #termSteps = new Float64Array(1);

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#invalid = new Float64Array(options.terms.length + 1).fill(-1);
    this.#terms = options.terms.map(() => ({
      size: new Average(termMemory),
      onset: new Onset(dominantPatience, 5),
      ever: new Float64Array(2),
    }));
  }

  /**
   * What begins with this observation. `totals`: what the terms paid since the last one.
   * @throws Error naming the metric that is not finite, or saying that every episode diverges: the run must end.
   */
  observe(step: number, metrics: Readonly<Record<string, number>>, totals?: TermTotals): MonitorAlert[] {
    for (const [name, value] of Object.entries(metrics)) {
      if (!Number.isFinite(value)) {
        throw new Error(`Metric ${name} is ${value} after ${step} steps, wanted a finite number`);
      }
    }
    for (let i = 0; i < this.#invalid.length; i++) {
      const since = this.#invalid[i]!;
      this.#invalid[i] = since < 0 || since + 1 >= invalidForgotten ? -1 : since + 1;
    }
    const said = [
      this.#watchDiverged(step, metrics),
      this.#watchKl(metrics),
      this.#watchTruth(metrics),
      this.#watchEntropy(metrics),
      this.#watchValue(metrics, totals),
      this.#watchGradient(metrics),
      ...this.#watchUnits(metrics),
      ...this.#watchTerms(totals),
    ];
    return said.filter((alert) => alert !== undefined).map((alert) => ({ ...alert, step }));
  }

  /**
   * An episode broke off: `term` is the reward term that was not finite, undefined where it was the simulated state.
   * Nothing where the same is known already.
   */
  invalid(step: number, term: string | undefined, message: string): MonitorAlert | undefined {
    const index = term === undefined ? this.#terms.length : this.#options.terms.indexOf(term);
    const isNews = this.#invalid[index]! < 0;
    this.#invalid[index] = 0;
    return isNews ? { level: 'warning', message, step } : undefined;
  }

  #watchDiverged(step: number, metrics: Readonly<Record<string, number>>): Said {
    const share = metrics['rollout/diverged'];
    if (share === undefined) return undefined;
    const { onset, hopeless } = this.#diverged;
    const episodes = metrics['rollout/episodes'] ?? hopelessEpisodes;
    hopeless[0] = share === 1 ? hopeless[0]! + 1 : 0;
    hopeless[1] = share === 1 ? hopeless[1]! + episodes : 0;
    if (hopeless[0] >= hopelessObservations && hopeless[1] >= hopelessEpisodes) {
      throw new Error(
        `Every episode diverges (the last ${hopeless[1]} of them, up to step ${step}): nothing can be learnt from them. ` +
          `${this.#culprit()}; \`lab history <episode>\` shows the last states of one`,
      );
    }
    if (!onset.observe(share >= divergedOften, share <= divergedSeldom)) return undefined;
    return {
      level: 'warning',
      message:
        `${percent(share)} of the episodes diverge. ${this.#culprit()}. Try: \`lab history <episode>\` shows what ` +
        'broke; smaller actions, a shorter physics step, or the formula of the term',
    };
  }

  /** Which numbers have been invalid lately. */
  #culprit(): string {
    const names = [...this.#options.terms.map((term) => `reward term ${term}`), 'the simulated state'];
    const broken = names.filter((_, i) => this.#invalid[i]! >= 0);
    return broken.length === 0 ? 'The cause was not told' : `Not finite: ${broken.join(', ')}`;
  }

  #watchKl(metrics: Readonly<Record<string, number>>): Said {
    const kl = metrics['policy/kl'];
    if (kl === undefined) return undefined;
    const { usual, onset } = this.#kl;
    const level = Math.max(usualKl[0], Math.min(usualKl[1], usual.mean));
    const limit = klSpike * level;
    const begins = onset.observe(kl > limit, kl < limit / 2);
    if (kl <= limit) usual.add(kl);
    if (!begins) return undefined;
    return {
      level: 'warning',
      message:
        `One update moved the policy by ${short(kl)} nats (policy/kl; alarm above ${short(limit)}): what was collected ` +
        'no longer tells about it. Try: a lower learningRate, fewer epochs, or targetKl at 0.02',
    };
  }

  #watchEntropy(metrics: Readonly<Record<string, number>>): Said {
    const entropy = metrics['policy/entropy'];
    if (entropy === undefined) return undefined;
    const { choices = [], actionDim } = this.#options;
    const limit =
      choices.length > 0
        ? collapsedOptions * choices.reduce((sum, n) => sum + Math.log(n), 0)
        : collapsedGaussian * actionDim;
    const knows = this.#success.truth.mean >= highSuccess;
    const slack = 0.3 * Math.abs(limit);
    if (!this.#entropy.observe(entropy < limit && !knows, entropy > limit + slack || knows)) return undefined;
    return {
      level: 'warning',
      message:
        `The policy hardly varies its actions any more (policy/entropy ${short(entropy)}, alarm below ${short(limit)}) at ` +
        `${percent(this.#success.truth.mean)} success: it has stopped exploring. Try: a higher entropyCoef, a lower learningRate`,
    };
  }

  #watchValue(metrics: Readonly<Record<string, number>>, totals: TermTotals | undefined): Said {
    const { loss, largest, onset } = this.#value;
    if (totals !== undefined) largest[0] = Math.max(largest[0]!, totals.largest);
    const error = metrics['loss/value'] ?? metrics['loss/critic'];
    const explained = metrics['value/explainedVariance'];
    const limit = explained === undefined ? lossGrowthAlone : lossGrowth;
    const growth = error === undefined ? 1 : loss.observe(error, limit);
    const lossExplodes = growth > limit && (explained === undefined || explained < worseThanConstant);

    // Algorithms that say what they explain may scale rewards before they value them.
    const value = explained === undefined ? metrics['value/mean'] : undefined;
    // An entropy bonus is paid like a reward.
    const bonus = Math.abs((metrics['policy/alpha'] ?? 0) * (metrics['policy/entropy'] ?? 0));
    const most = (largest[0]! + bonus) / (1 - this.#options.gamma);
    const valueExplodes = value !== undefined && largest[0]! > 0 && Math.abs(value) > valueExcess * most;

    const good = growth < limit / 10 && !valueExplodes;
    if (!onset.observe(lossExplodes || valueExplodes, good)) return undefined;
    return {
      level: 'error',
      message:
        (valueExplodes
          ? `The critic explodes: it expects returns of ${short(value)}, and none can be larger than ${short(most)}`
          : `The critic explodes: its loss is ${short(error!)}, ${short(growth)} times the usual`) +
        '. Try: a lower learningRate, a smaller gamma, scaled rewards, slower target networks',
    };
  }

  #watchGradient(metrics: Readonly<Record<string, number>>): Said {
    const norm = metrics['learn/gradientNorm'];
    if (norm === undefined) return undefined;
    const { norm: usual, onset } = this.#gradient;
    const growth = usual.observe(norm, gradientGrowth);
    if (!onset.observe(growth > gradientGrowth, growth < gradientGrowth / 3)) return undefined;
    return {
      level: 'warning',
      message:
        `The gradient explodes: its length is ${short(norm)}, ${short(growth)} times the usual. ` +
        'Try: a lower learningRate or maxGradNorm, normalised observations, scaled rewards',
    };
  }

  #watchUnits(metrics: Readonly<Record<string, number>>): Said[] {
    const dead = metrics['policy/deadUnits'];
    const saturated = metrics['policy/saturatedUnits'];
    const begins = (onset: Onset, share: number | undefined): boolean =>
      share !== undefined && onset.observe(share > deadShare, share < deadEnded);
    return [
      begins(this.#dead, dead)
        ? {
            level: 'warning',
            message:
              `${percent(dead!)} of the policy's hidden units give the same number whatever they see: they are dead. ` +
              'Try: a lower learningRate, tanh instead of relu, normalised observations',
          }
        : undefined,
      begins(this.#saturated, saturated)
        ? {
            level: 'warning',
            message:
              `${percent(saturated!)} of the policy's hidden units are at the end of their range nearly always: ` +
              'hardly any gradient passes them. Try: a lower learningRate, normalised observations',
          }
        : undefined,
    ];
  }

  #watchTerms(totals: TermTotals | undefined): Said[] {
    if (totals === undefined || totals.steps === 0) return [];
    const { terms } = this.#options;
    if (totals.absolute.length !== terms.length) {
      throw new RangeError(`Monitors: sums of ${totals.absolute.length} terms, wanted ${terms.length}`);
    }
    this.#termSteps[0] = this.#termSteps[0]! + totals.steps;
    this.#terms.forEach(({ size, ever }, i) => {
      size.add(totals.absolute[i]! / totals.steps);
      ever[0] = ever[0]! + totals.raw[i]!;
    });
    const sum = this.#terms.reduce((all, { size }) => all + size.mean, 0);
    return this.#terms.flatMap(({ size, onset, ever }, i): Said[] => {
      const share = sum > 0 ? size.mean / sum : 0;
      // Beside a term that cannot be reached yet it is no wonder.
      const others = totals.absolute.some((size, other) => other !== i && size > 0);
      // Shaping comes and goes; over an episode it adds up to nothing, however large its steps are.
      const counts = !terms[i]!.startsWith('shaping/');
      const dominates = onset.observe(
        counts && others && share > dominantShare,
        !counts || share < dominantEnded,
      );
      const silent = ever[0] === 0 && ever[1] === 0 && this.#termSteps[0]! >= silentSteps;
      if (silent) ever[1] = 1;
      return [
        dominates
          ? {
              level: 'warning',
              message:
                `Reward term ${terms[i]} makes up ${percent(share)} of all reward: the other terms hardly count. ` +
                'Try: a lower weight for it, higher ones for the others',
            }
          : undefined,
        silent
          ? {
              level: 'info',
              message:
                `Reward term ${terms[i]} has been 0 in all ${this.#termSteps[0]} steps so far: nothing can be learnt ` +
                'from it. Try: easier starts, a shaping term, demonstrations',
            }
          : undefined,
      ];
    });
  }

  /** True success or progress against the return; success in the first place, for both tell of the same. */
  #watchTruth(metrics: Readonly<Record<string, number>>): Said {
    const paid = metrics['rollout/return'];
    if (paid === undefined) return undefined;
    const episodes = metrics['rollout/episodes'] ?? 1;
    const watch = (name: 'success' | 'progress', truth: Truth): Said => {
      const value = metrics[`rollout/${name}`];
      const begins = value === undefined ? undefined : truth.observe(value, paid, episodes);
      if (begins === undefined || (begins === 'collapsed' && name === 'progress')) return undefined;
      const fell = `fell from ${percent(truth.best[0]!)} to ${percent(truth.truth.mean)}`;
      const income = `the mean return went from ${short(truth.best[1]!)} to ${short(truth.paid.mean)}`;
      return begins === 'hacked'
        ? {
            level: 'error',
            message:
              `The reward may be hacked: true ${name} ${fell} while ${income}. ` +
              'Try: watch the newest episodes and see which term rose',
          }
        : {
            level: 'warning',
            message:
              `What was learnt is being lost: success in training ${fell}; ${income}. ` +
              'Try: a lower learningRate or one that anneals, an earlier checkpoint',
          };
    };
    const wasHacked = this.#success.hacked.on;
    const success = watch('success', this.#success);
    const progress = watch('progress', this.#progress);
    return success ?? (wasHacked ? undefined : progress);
  }

  #parts(): Float64Array[] {
    return [
      this.#kl.usual.state,
      this.#kl.onset.state,
      this.#entropy.state,
      this.#value.loss.typical.state,
      this.#value.largest,
      this.#value.onset.state,
      this.#gradient.norm.typical.state,
      this.#gradient.onset.state,
      this.#dead.state,
      this.#saturated.state,
      ...this.#success.parts,
      ...this.#progress.parts,
      this.#diverged.onset.state,
      this.#diverged.hopeless,
      this.#invalid,
      ...this.#terms.flatMap(({ size, onset, ever }) => [size.state, onset.state, ever]),
      this.#termSteps,
    ];
  }

  /** Everything that later alerts depend on. */
  save(): Float64Array {
    return Float64Array.from(this.#parts().flatMap((part) => [...part]));
  }

  /** @throws RangeError when the numbers were saved by monitors of another stack. */
  restore(saved: Float64Array): void {
    const parts = this.#parts();
    const wanted = parts.reduce((sum, part) => sum + part.length, 0);
    if (saved.length !== wanted) {
      throw new RangeError(
        `Monitors: saved state of ${saved.length} numbers, wanted ${wanted} for ${this.#terms.length} reward terms`,
      );
    }
    let at = 0;
    for (const part of parts) {
      part.set(saved.subarray(at, at + part.length));
      at += part.length;
    }
  }
}

type Said = Omit<MonitorAlert, 'step'> | undefined;

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** Four digits are enough for a sentence. */
const short = (value: number): string => String(Number(value.toPrecision(4)));
