/** What a claim is: one statement of a paper as an experiment on our tasks, judged over seeds by the same rule as every other. */

import type { Compute } from '../../learn/tensor/compute.ts';
import type { TaskModel } from '../../sim/env.ts';

export interface ClaimSetup {
  /** The task asked for, with its default settings; the experiment may create others of the same kind. */
  readonly model: TaskModel;
  readonly taskId: string;
  /** Everything random of this repetition follows from it. */
  readonly seed: number;
  readonly compute: Compute;
  readonly signal: AbortSignal;
  /** Which part is being worked on. */
  onProgress(part: string): void;
}

export type Expectation =
  /** One arm is better than another: mean over seeds of the paired difference, turned so that more is better. */
  | {
      readonly kind: 'better';
      readonly arm: string;
      readonly than: string;
      readonly want: 'higher' | 'lower';
      /** The difference must be larger than this. Default 0. */
      readonly by?: number;
    }
  /** The mean of an arm over seeds lies above or below a number that the paper names. */
  | { readonly kind: 'reaches'; readonly arm: string; readonly atLeast?: number; readonly atMost?: number };

export interface Claim {
  /** Within its method. */
  readonly id: string;
  /** One sentence: what the paper says, as a direction that can fail. */
  readonly statement: string;
  /** What the numbers are, with unit and on which episodes. */
  readonly metric: string;
  /** Compared conditions by id, each in a few words. */
  readonly arms: Readonly<Record<string, string>>;
  /** The arm that the others are measured against. */
  readonly baseline: string;
  readonly task: string;
  /** Why it cannot be tried on this task; undefined where it can. */
  unsuitable?(model: TaskModel): string | undefined;
  /** Repetitions where nothing else is asked for. */
  readonly seeds: number;
  /** All must hold. */
  readonly expects: readonly Expectation[];
  /** One repetition: the number of every arm; NaN where the data cannot decide. */
  run(setup: ClaimSetup): Promise<Readonly<Record<string, number>>>;
}

export type ClaimVerdict = 'holds' | 'fails' | 'not measurable';

export interface ExpectationReport {
  /** In words, with the numbers. */
  readonly text: string;
  /** Mean over seeds: of the difference (turned so that more is better) or of the arm. */
  readonly effect: number | null;
  /** 95 % bootstrap over seeds. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly verdict: ClaimVerdict;
}

export interface ArmReport {
  readonly title: string;
  /** One number a seed; null where there was none. */
  readonly values: readonly (number | null)[];
  readonly mean: number | null;
  readonly deviation: number | null;
}

export interface ClaimReport {
  readonly id: string;
  readonly statement: string;
  readonly task: string;
  readonly metric: string;
  readonly baseline: string;
  readonly seeds: readonly number[];
  readonly arms: Readonly<Record<string, ArmReport>>;
  readonly expectations: readonly ExpectationReport[];
  readonly verdict: ClaimVerdict;
  /** Why it is not measurable, where it is not. */
  readonly reason?: string;
  readonly seconds: number;
}

export interface MethodReport {
  readonly method: string;
  readonly claims: readonly ClaimReport[];
  readonly verdict: ClaimVerdict;
  readonly protocol: string;
  /** Runs it again. */
  readonly command: string;
}
