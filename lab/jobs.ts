/** What the lab asks of its worker thread, and what comes back. One job a thread. */

import type { Trajectory } from '../learn/algorithms/types.ts';
import type { Demonstration } from '../learn/rewards/types.ts';
import type { DeviceChoice } from '../learn/tensor/device.ts';
import type { AnySettings } from '../sim/fields.ts';
import type { MetricPoint } from '../store/types.ts';
import type { EndpointOptions } from './endpoint.ts';
import type { Experiment } from './experiment.ts';
import type { LiveFeed } from './live-feed.ts';
import type { Parcel } from './parcel.ts';

/** Bytes of the fitted reward models, by line of the reward stack. */
export type ModelBytes = Readonly<Record<number, Uint8Array>>;

export interface CollectJob {
  readonly type: 'collect';
  readonly task: string;
  readonly taskSettings: AnySettings;
  readonly policy:
    | { readonly kind: 'expert'; readonly noise: number }
    | { readonly kind: 'wandering' }
    | { readonly kind: 'random' }
    | {
        readonly kind: 'policy';
        readonly algorithm: string;
        readonly bytes: Uint8Array;
        readonly trainedSteps: number;
      };
  readonly seeds: readonly number[];
}

export interface FitJob {
  readonly type: 'fit';
  readonly method: string;
  readonly settings: AnySettings;
  readonly task: string;
  readonly taskSettings: AnySettings;
  readonly demonstrations: readonly Demonstration[];
  /** Of each of them, [T + 1, stateDim], where the method asks for counterfactuals; they are most of the message. */
  readonly states: readonly Float64Array[] | null;
  /** The model that a method may ask, where the project has one. */
  readonly endpoint: Omit<EndpointOptions, 'key'> | null;
  readonly seed: number;
  readonly device: DeviceChoice;
  /** As in `TrainJob`. */
  readonly threads: number;
  readonly budget: Int32Array;
}

export interface TrainJob {
  readonly type: 'train';
  readonly experiment: Experiment;
  readonly seed: number;
  readonly models: ModelBytes;
  readonly rewardHash: string;
  readonly checkpoint: Uint8Array | null;
  /** Pieces that belong to the checkpoint, oldest first. */
  readonly journal: readonly Uint8Array[];
  /** For algorithms that learn from demonstrations. */
  readonly demonstrations: readonly Trajectory[];
  /** Weights that were changed while the run went on, by step: they take effect at the same steps again. */
  readonly weightChanges: readonly {
    readonly step: number;
    readonly line: number;
    readonly weight: number;
  }[];
  readonly device: DeviceChoice;
  /** The device that the run began on, so that it goes on with the same bits. */
  readonly storedDevice: string | null;
  /** Threads to open, the worker's own included. */
  readonly threads: number;
  /** How many of them may work right now; the lab lowers it while several runs share the machine. Shared memory, one int. */
  readonly budget: Int32Array;
  /** Where the first worlds are shown while somebody watches. */
  readonly live: LiveFeed;
  /** Ends here, before the experiment's own `steps`, whose schedule stays as it is. */
  readonly until?: number;
}

export interface EvaluateJob {
  readonly type: 'evaluate';
  readonly experiment: Experiment;
  readonly models: ModelBytes;
  readonly rewardHash: string;
  readonly checkpoint: Uint8Array;
  readonly trainedSteps: number;
  readonly seeds: readonly number[];
}

export type Job = CollectJob | FitJob | TrainJob | EvaluateJob;

export interface CollectResult {
  readonly episodes: number;
  readonly success: number;
  readonly interval: { readonly low: number; readonly high: number };
}
export interface FitResult {
  readonly bytes: Uint8Array;
  readonly metrics: Readonly<Record<string, number>>;
}
export interface TrainResult {
  readonly steps: number;
  readonly stepsPerSecond: number;
}
export type JobResult = CollectResult | FitResult | TrainResult;

/** From the thread to the lab. `records` and `checkpoint` are acknowledged, so that a slow disk slows the thread. */
export type WorkerMessage =
  | { readonly type: 'device'; readonly name: string; readonly reason: string }
  | { readonly type: 'progress'; readonly done: number; readonly total: number; readonly unit: string }
  | {
      readonly type: 'records';
      readonly episodes: readonly Parcel[];
      readonly metrics: readonly MetricPoint[];
    }
  | {
      readonly type: 'checkpoint';
      readonly step: number;
      readonly bytes: Uint8Array;
      readonly journal?: { readonly bytes: Uint8Array; readonly needed: number };
    }
  | { readonly type: 'reweighed'; readonly step: number; readonly line: number; readonly weight: number }
  | {
      readonly type: 'alert';
      readonly level: 'info' | 'warning' | 'error';
      readonly message: string;
      readonly step?: number;
    }
  | { readonly type: 'done'; readonly stopped: boolean; readonly result: JobResult }
  | { readonly type: 'failed'; readonly message: string; readonly stack: string };

/** From the lab to the thread. */
export type ControlMessage =
  | { readonly type: 'stop' }
  | { readonly type: 'ack' }
  /** A line of the reward stack gets another weight at the next chance. */
  | { readonly type: 'reweigh'; readonly line: number; readonly weight: number };
