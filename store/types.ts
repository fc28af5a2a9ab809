/** What the store keeps. One database a project; see docs/database.md for the tables. */

export type RunKind = 'collect' | 'fit' | 'train' | 'evaluate';
export type RunStatus = 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'crashed';
export type EpisodeKind = 'demonstration' | 'failure' | 'random' | 'training' | 'evaluation';
export type Ending = 'terminated' | 'truncated' | 'diverged';

export interface RunRow {
  readonly id: number;
  readonly kind: RunKind;
  readonly name: string;
  readonly task: string;
  readonly algorithm: string | null;
  readonly seed: number;
  readonly status: RunStatus;
  /** The whole frozen configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Versions of app, Node, engine, task, platform at the time. */
  readonly versions: Readonly<Record<string, string>>;
  /** 64-bit hex; episodes with different hashes must not be compared silently. */
  readonly rewardHash: string | null;
  readonly device: string | null;
  readonly error: string | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly endedAt: number | null;
  /** Last sign of life of a running run; decides `crashed`. */
  readonly heartbeatAt: number | null;
  /** Derived from rows. */
  readonly episodes: number;
  /** What people wrote about it; empty where nobody did. */
  readonly note: string;
  /** In the order of the alphabet. */
  readonly tags: readonly string[];
}
export type NewRun = Pick<RunRow, 'kind' | 'name' | 'task' | 'algorithm' | 'seed' | 'config' | 'versions'> &
  Partial<Pick<RunRow, 'status' | 'rewardHash' | 'device'>>;
export type RunPatch = Partial<
  Pick<RunRow, 'status' | 'error' | 'endedAt' | 'heartbeatAt' | 'device' | 'rewardHash' | 'name' | 'note'>
>;

export type ColumnData = Float64Array | Float32Array | Uint32Array | Uint8Array;
/** One column of an episode: `rows` rows of `width` numbers. */
export interface Column {
  readonly name: string;
  readonly width: number;
  readonly data: ColumnData;
}

export interface EpisodeRow {
  readonly id: number;
  readonly runId: number;
  readonly task: string;
  readonly kind: EpisodeKind;
  readonly seed: number;
  readonly trainedSteps: number;
  readonly length: number;
  readonly ending: Ending;
  readonly success: boolean;
  readonly finalProgress: number;
  readonly returnTotal: number;
  /** Unweighted sum of each reward term. */
  readonly returns: Readonly<Record<string, number>>;
  readonly rewardHash: string | null;
  /** 64-bit hex over all state hashes. */
  readonly checksum: string;
  /** Outcome of the last `verify`; null = never verified. */
  readonly verified: boolean | null;
  readonly createdAt: number;
  /** Where it left another episode; null of those that began by themselves. */
  readonly fork: Fork | null;
  /** Root mean square of the second difference of the actions; NaN of fewer than 3 steps, and where it was not worked out yet (`oldEpisodes`). */
  readonly jerk: number;
  /** Learned progress at the last frame, by the first model it was recorded with; NaN without one. */
  readonly learnedProgress: number;
  readonly starred: boolean;
  /** In the trash: left out of lists and fits, never deleted. */
  readonly trashed: boolean;
  /** In alphabetical order. */
  readonly tags: readonly string[];
}
/** The first `frame` steps of a forked episode are its parent's. */
export interface Fork {
  /** Null once the parent is gone. */
  readonly parent: number | null;
  readonly frame: number;
  /** Who went on from there, in words. */
  readonly actor: string;
  /** There where the start was edited: it is the first keyframe, and none that the seed gives. A fork of such an episode has it, too. */
  readonly edited?: EditedStart;
}
/** Whose state somebody edited to start from, and which numbers differ from what was recorded. */
export interface EditedStart {
  readonly episode: number;
  readonly frame: number;
  /** Control steps from the start that a seed gave to this one. */
  readonly steps: number;
  /** In the order of the state row. */
  readonly changes: readonly { readonly name: string; readonly from: number; readonly to: number }[];
}
export type NewEpisode = Omit<
  EpisodeRow,
  'id' | 'createdAt' | 'verified' | 'fork' | 'jerk' | 'learnedProgress' | 'starred' | 'trashed' | 'tags'
> & {
  readonly columns: readonly Column[];
  readonly fork?: Fork | null;
};

export interface MeasuredEpisodes {
  /** Id of the last episode that was looked at. */
  readonly last: number;
  /** Episodes that were looked at. */
  readonly count: number;
  /** What is wrong with those that could not be read, each named. */
  readonly problems: readonly string[];
}

export type EpisodeSort =
  | 'id'
  | 'length'
  | 'success'
  | 'finalProgress'
  | 'returnTotal'
  | 'trainedSteps'
  | 'createdAt'
  | 'learnedProgress'
  | 'gap'
  | 'jerk'
  | 'starred';

/** What people say about episodes. */
export interface EpisodeMarks {
  readonly starred?: boolean;
  readonly trashed?: boolean;
  readonly addTags?: readonly string[];
  readonly removeTags?: readonly string[];
}

export interface EpisodeQuery {
  readonly runId?: number;
  readonly task?: string;
  readonly kind?: EpisodeKind;
  readonly success?: boolean;
  /** A filter expression (docs/filters.md). */
  readonly filter?: string;
  /** The trash is part of what is asked unless told. */
  readonly trash?: 'with' | 'without' | 'only';
  /** A column, or `return:` with the name of a reward term. What has no value comes last. */
  readonly sort?: EpisodeSort | `return:${string}`;
  readonly descending?: boolean;
  readonly offset?: number;
  readonly limit?: number;
}

export interface StageLabel {
  readonly episodeId: number;
  /** Who said so: `simulator`, or a person's name. */
  readonly source: string;
  readonly scheme: 'sparse' | 'dense';
  readonly stage: number;
  /** Frames start <= t < end. */
  readonly start: number;
  readonly end: number;
}

export interface ModelRow {
  readonly id: number;
  readonly runId: number;
  readonly method: string;
  readonly task: string;
  /** 64-bit hex over the bytes. */
  readonly hash: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly createdAt: number;
}

/** What was measured at one number of environment steps (of updates, while a model is fitted). */
export interface MetricPoint {
  readonly step: number;
  readonly values: Readonly<Record<string, number>>;
}

export interface JournalPiece {
  readonly bytes: Uint8Array;
  /** So many pieces, this one the last, give the buffer. */
  readonly needed: number;
}

/** A line of the reward stack got another weight while the run went on. */
export interface WeightChange {
  /** Environment steps trained when it took effect. */
  readonly step: number;
  readonly line: number;
  readonly weight: number;
  readonly at: number;
}

export interface CheckpointRow {
  readonly id: number;
  readonly runId: number;
  readonly step: number;
  readonly hash: string;
  readonly createdAt: number;
}

/** Trouble in a run, in plain words, once per onset. */
export interface Alert {
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
  /** Environment steps trained when it was seen. */
  readonly step?: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Nodes are named `run:1`, `model:2`, `checkpoint:3`, `episodes:1` (all episodes of run 1), `episode:4` (that one: of forks). */
export interface LineageEdge {
  readonly from: string;
  readonly to: string;
  readonly role: string;
}

export interface Health {
  readonly ok: boolean;
  readonly sqliteVersion: string;
  readonly schemaVersion: number;
  readonly bytes: number;
  readonly problems: readonly string[];
}

export interface MetricExtremes {
  readonly last: number;
  readonly lowest: number;
  readonly highest: number;
}

/** One number an episode, both [episodes]. */
export interface LastProgress {
  readonly steps: Float64Array;
  readonly values: Float64Array;
}

/** All methods are synchronous; each write is one transaction. */
export interface Store {
  readonly directory: string;
  readonly file: string;
  readonly readOnly: boolean;
  readonly runs: {
    create(run: NewRun): number;
    update(id: number, patch: RunPatch): void;
    /** @throws RangeError naming the id when there is none. */
    get(id: number): RunRow;
    list(): RunRow[];
    /** Marks runs left `running` or `queued` by a process that is gone as `crashed`; returns their ids. Called at open
     * for writing; a store opened for reading shows them so. */
    markCrashed(): number[];
    /** Replaces all tags of a run. @throws RangeError when there is no such run. */
    setTags(id: number, tags: readonly string[]): void;
  };
  readonly episodes: {
    add(episode: NewEpisode): number;
    /** All or none, in one transaction; the ids in the same order. Many at once cost far less than one by one. */
    addAll(episodes: readonly NewEpisode[]): number[];
    get(id: number): EpisodeRow;
    list(query?: EpisodeQuery): { total: number; items: EpisodeRow[] };
    ids(query?: Pick<EpisodeQuery, 'runId' | 'task' | 'kind' | 'success' | 'filter' | 'trash'>): number[];
    /** Names of the reward terms that any episode has. */
    terms(): string[];
    /** Tags in use, in alphabetical order. */
    tags(): string[];
    /** All or none. @throws RangeError naming an episode that is not there, or a tag that is none. */
    mark(ids: readonly number[], marks: EpisodeMarks): void;
    /** Ids of the episodes that left this one, in the order in which they were made. */
    forksOf(id: number): number[];
    /** @throws Error naming the episode when the stored bytes are damaged. */
    columns(id: number, names?: readonly string[]): Map<string, Column>;
    setVerified(id: number, ok: boolean): void;
    /** Learned progress at the last frame of a run's training episodes, as recorded, in the order of trained steps; the trash is left out. */
    learned(runId: number): LastProgress;
    /** How many values `learned` has. */
    learnedCount(runId: number): number;
  };
  /** Episodes from before schema 3, whose jerk and learned progress are still to be worked out from their bytes. */
  readonly oldEpisodes: {
    /** How many; those whose bytes are damaged are always among them. */
    count(): number;
    /**
     * Works through those after episode `after` for `mostMs`, at least one, and stores it in one transaction.
     * Undefined where there are none. Damaged ones are left as they are.
     */
    measure(after: number, mostMs: number): MeasuredEpisodes | undefined;
  };
  readonly labels: {
    /** Replaces the labels of this episode, source and scheme. */
    set(
      episodeId: number,
      source: string,
      scheme: StageLabel['scheme'],
      spans: readonly Pick<StageLabel, 'stage' | 'start' | 'end'>[],
    ): void;
    get(episodeId: number): StageLabel[];
  };
  readonly models: {
    add(model: Omit<ModelRow, 'id' | 'createdAt' | 'hash'> & { readonly bytes: Uint8Array }): ModelRow;
    get(id: number): ModelRow;
    bytes(id: number): Uint8Array;
    list(): ModelRow[];
  };
  readonly scores: {
    put(episodeId: number, modelHash: string, perStep: Float32Array): void;
    get(episodeId: number, modelHash: string): Float32Array | undefined;
    /** Model hashes with a cached score of this episode. */
    of(episodeId: number): string[];
    /** Models with cached scores of a run's training episodes, and of how many; the trash is left out. */
    models(runId: number): { hash: string; episodes: number }[];
    /** As `episodes.learned`, by one model: of `most` episodes at most, evenly taken. */
    learned(runId: number, modelHash: string, most: number): LastProgress;
  };
  readonly metrics: {
    add(runId: number, step: number, values: Readonly<Record<string, number>>): void;
    /** All or none, in one transaction. */
    addAll(runId: number, points: readonly MetricPoint[]): void;
    names(runId: number): string[];
    /** Down-sampled in SQL to at most `maxPoints` rows, first and last kept. */
    series(
      runId: number,
      options?: { names?: readonly string[]; maxPoints?: number },
    ): {
      steps: Float64Array;
      values: Map<string, Float64Array>;
    };
    /** Newest, lowest and highest value of each of these metrics that the run has; rows that are no number do not count. */
    extremes(runId: number, names: readonly string[]): Map<string, MetricExtremes>;
    /** Removes rows after this step (a resumed run writes them again). */
    truncateAfter(runId: number, step: number): void;
  };
  readonly alerts: {
    add(runId: number, alert: Alert): void;
    /** In the order in which they were raised. */
    of(runId: number): Alert[];
  };
  readonly checkpoints: {
    /** With its piece of the journal, where the learner keeps one. */
    add(runId: number, step: number, bytes: Uint8Array, journal?: JournalPiece): CheckpointRow;
    latest(runId: number): (CheckpointRow & { readonly bytes: Uint8Array }) | undefined;
    get(id: number): CheckpointRow & { readonly bytes: Uint8Array };
    list(runId: number): CheckpointRow[];
    /** Keeps the newest `keep` checkpoints of the run and those that lineage names; the journal as the newest ones need it. */
    prune(runId: number, keep: number): void;
    /** The pieces that belong to a checkpoint, oldest first. @throws Error when one is damaged or missing. */
    journal(id: number): Uint8Array[];
    /** A run goes on from this checkpoint (or from the start): pieces written later are forgotten. */
    forgetJournalAfter(runId: number, id: number | null): void;
  };
  readonly weightChanges: {
    /** The newest of a step and line counts. */
    add(runId: number, change: WeightChange): void;
    /** By step. */
    of(runId: number): WeightChange[];
  };
  readonly lineage: {
    link(edge: LineageEdge): void;
    /** Every edge reachable from this node in either direction. */
    around(node: string): LineageEdge[];
  };
  /** What belongs to the project rather than to one window: any JSON value by key. */
  readonly settings: {
    /** Undefined where nothing was set. */
    get(key: string): unknown;
    /** Undefined takes the key out. */
    set(key: string, value: unknown): void;
  };
  /** Several writes as one transaction. */
  transaction<T>(work: () => T): T;
  /**
   * What `work` writes stays in SQLite's log, and the disk is not waited for; the next write after it that finds the log long brings it
   * into the file. As safe as any other write.
   */
  intoLog<T>(work: () => T): T;
  health(options?: { full?: boolean }): Health;
  close(): void;
}
