/**
 * The environment contract. A `Task` is a registry entry; `task.create(settings)` gives a `TaskModel`: a set of pure
 * functions over state vectors (float64, one contiguous row a world). A `BatchEnv` owns the rows of N worlds and steps
 * them together at the task's control rate. Gymnasium's conventions: seeded reset, `terminated` and `truncated` apart,
 * no automatic reset (whoever steps decides when a finished world starts again).
 *
 * All functions take `(array, offset)` so that they work on stored states, batches and snapshots alike.
 */

import type { AnySettings, Fields } from './fields.ts';
import type { Tabular } from './tabular.ts';

/** A box of real numbers, as in Gymnasium. Shapes: `low`, `high`, `names` are [dim]. */
export interface BoxSpace {
  readonly type: 'box';
  readonly dim: number;
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** One name per component, for example `gripperPos.x`. */
  readonly names: readonly string[];
}

/** One of `n` options, as in Gymnasium. An action is still a row of one number: the index 0 .. n - 1. */
export interface DiscreteSpace {
  readonly type: 'discrete';
  readonly n: number;
  readonly dim: 1;
  /** What the one component chooses, for example `push`. */
  readonly names: readonly string[];
}

export type ActionSpace = BoxSpace | DiscreteSpace;

/** One named run of numbers inside a state row. */
export interface StateField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly unit: string;
}

export interface Stage {
  readonly id: string;
  readonly title: string;
}

/** A named native reward term. `sparse` terms are 0/1 facts about success; `dense` ones live in [0, 1] unless `range` says else. */
export interface RewardTerm {
  readonly id: string;
  readonly kind: 'sparse' | 'dense';
  /** Weight of this term in the task's own native reward of its kind. */
  readonly weight: number;
  readonly help: string;
  /** Bounds of the raw value where they are not [0, 1]: rewards taken over unchanged from elsewhere. */
  readonly range?: readonly [low: number, high: number];
}

/** For tasks that are also Gymnasium's: which one, and its own state vector, kept in the row right after the step counter. */
export interface GymnasiumTwin {
  readonly id: string;
  /** Names of the vector's numbers; number i is element 1 + i of the row. */
  readonly vector: readonly string[];
  /** Writes the whole row of an episode that starts in this vector. @throws RangeError on another size or non-finite numbers. */
  start(vector: ArrayLike<number>, state: Float64Array, stateOffset: number): void;
}

/** What a body looks like; drawn by the window, never read by the physics. Sizes in metres. */
export interface Body {
  readonly name: string;
  readonly shape:
    | { readonly type: 'box'; readonly size: readonly [number, number, number] }
    | { readonly type: 'sphere'; readonly radius: number }
    /** Axis along local z; `length` without the caps. */
    | { readonly type: 'capsule'; readonly radius: number; readonly length: number }
    /** Axis along local z. */
    | { readonly type: 'cylinder'; readonly radius: number; readonly length: number };
  /** The role decides material and colour in the window and in camera images. */
  readonly role: BodyRole;
  /** sRGB in [0, 1], in place of the role's colour: for tasks in which colour means something. */
  readonly colour?: Colour;
}

export type Colour = readonly [red: number, green: number, blue: number];

export type BodyRole =
  | 'table'
  | 'floor'
  | 'wall'
  /** A part of a robot. */
  | 'link'
  | 'joint'
  | 'gripper'
  | 'wheel'
  /** Robots that are drawn as one body: the one that learns, one of its own side, one of the other side. */
  | 'agent'
  | 'mate'
  | 'opponent'
  /** What the task is about; what is only in the way; furniture that moves (drawer, door, button, lever). */
  | 'object'
  | 'distractor'
  | 'fixture'
  | 'tool'
  | 'goal'
  | 'marker'
  | 'screen';

/** A named camera. Metres, radians; the picture's up is the world's z (straight down: the world's y). */
export interface CameraView {
  readonly name: string;
  /** Body that carries the camera, so that position and target are in its frame; absent: the world's. */
  readonly body?: string;
  /** False: the camera moves with the body but keeps its heading, so that the axes are the world's. */
  readonly turns?: boolean;
  readonly position: readonly [number, number, number];
  readonly target: readonly [number, number, number];
  /** Vertical field of view. */
  readonly fieldOfView: number;
}

/** One point at which two bodies press on each other. World frame, metres, newtons. */
export interface Contact {
  readonly point: readonly [x: number, y: number, z: number];
  /** Of unit length, from A to B. */
  readonly normal: readonly [x: number, y: number, z: number];
  /** Along the normal, never negative: B is pushed by it, A the other way. Impulse over the length of the physics (sub)step. */
  readonly force: number;
  /** Across the normal, on B. */
  readonly friction: readonly [x: number, y: number, z: number];
  /** Names; most are those of `bodies`, some (the ground) are not drawn. */
  readonly bodyA: string;
  readonly bodyB: string;
}

/** A lidar as it is drawn. */
export interface LidarFace {
  readonly rays: number;
  /** Where the rays begin, then where each ends, as the observation has it (lost rays at full range). out: [3 + 3 * rays], metres. */
  cast(state: Float64Array, stateOffset: number, out: Float64Array, outOffset: number): void;
}

/**
 * The goal-conditioned face of a task, for hindsight relabelling: what a state achieves and what is wanted of it, both
 * [dim] in the same units, and the sparse reward of any such pair.
 */
export interface GoalFace {
  readonly dim: number;
  readonly names: readonly string[];
  achieved(state: Float64Array, stateOffset: number, out: Float64Array, outOffset: number): void;
  desired(state: Float64Array, stateOffset: number, out: Float64Array, outOffset: number): void;
  /**
   * Writes a goal into a state row, so that it is the state of an episode that had this goal: `desired` gives it back, all
   * else that is asked of the row follows. What is wanted alike in every episode (a speed of 0) stays as it is. The row's own
   * goal changes nothing; any other makes the count of steps in success begin anew, and leaves what tells of the start (a
   * distance that progress is measured by) as it was. goal: [dim] from its offset.
   * Absent where the goal is no part of the state: a setting, or a shape of which only the place is drawn.
   */
  setDesired?(goal: Float64Array, goalOffset: number, state: Float64Array, stateOffset: number): void;
  /** 1 where the goal counts as reached, else 0; of a state's own pair it is the term `success`. Pure. */
  computeReward(
    achieved: Float64Array,
    achievedOffset: number,
    desired: Float64Array,
    desiredOffset: number,
  ): number;
}

/**
 * All agents of a world at once, by PettingZoo's parallel convention. The task's own spaces, `advance`, `observe`,
 * `reward` and `expert` are those of agent 0, the others being played by the task's scripted policies.
 */
export interface ParallelFace {
  /** Agent 0 first; `side` is equal for mates. */
  readonly agents: readonly { readonly id: string; readonly side: string }[];
  readonly observationSpaces: readonly BoxSpace[];
  readonly actionSpaces: readonly BoxSpace[];
  /** One control step in which every agent acts. actions: [count * sum of all action dims], agents in order. */
  advance(states: Float64Array, actions: Float64Array, first: number, count: number): void;
  observe(
    agent: number,
    state: Float64Array,
    stateOffset: number,
    out: Float64Array,
    outOffset: number,
  ): void;
  /** The weighted reward of one agent for the transition. */
  reward(
    agent: number,
    state: Float64Array,
    stateOffset: number,
    next: Float64Array,
    nextOffset: number,
  ): number;
  /** The scripted policy that plays this agent. out: its action. */
  expert(agent: number, state: Float64Array, stateOffset: number, out: Float64Array, outOffset: number): void;
}

export interface TaskModel {
  readonly id: string;
  readonly version: number;
  readonly settings: AnySettings;
  /** Seconds per control step. */
  readonly controlDt: number;
  /** Physics steps per control step. */
  readonly substeps: number;
  /** Control steps after which an episode is truncated. */
  readonly horizon: number;
  /** Numbers in one state row. Element 0 is always the control-step counter of the episode. */
  readonly stateDim: number;
  /**
   * Numbers at the front of the row that stay below 1e4 in a sound world (the step counter apart); the rest (impulses kept
   * for the next step) must only be finite. All by default.
   */
  readonly guardDim?: number;
  readonly stateLayout: readonly StateField[];
  readonly observationSpace: BoxSpace;
  /** A box has the task's own units ([-1, 1] but for Gymnasium's twins); values outside it are clipped by `advance`. */
  readonly actionSpace: ActionSpace;
  readonly gymnasium?: GymnasiumTwin;
  /** In the order in which an expert passes through them. */
  readonly stages: readonly Stage[];
  readonly rewardTerms: readonly RewardTerm[];
  readonly bodies: readonly Body[];

  /** Writes the initial state of the episode with this seed (an unsigned 32-bit integer). */
  reset(seed: number, state: Float64Array, stateOffset: number): void;
  /** One control step, in place, for `count` consecutive rows. states [count * stateDim], actions [count * actionDim]. */
  advance(states: Float64Array, actions: Float64Array, first: number, count: number): void;
  observe(state: Float64Array, stateOffset: number, out: Float64Array, outOffset: number): void;
  /** Index into `stages`: a pure function of the state. */
  stage(state: Float64Array, stateOffset: number): number;
  /** True progress in [0, 1]; 1 exactly when `success`. */
  progress(state: Float64Array, stateOffset: number): number;
  success(state: Float64Array, stateOffset: number): boolean;
  /** True where the episode ends by the task's own rules (never because of time). Always false with `fixedHorizon`. */
  terminal(state: Float64Array, stateOffset: number): boolean;
  /**
   * The raw native terms of the transition (s, a, s'), in the order of `rewardTerms`; a pure function.
   * state, next: [stateDim]; action: [actionDim]; out: [rewardTerms.length].
   */
  reward(
    state: Float64Array,
    stateOffset: number,
    action: Float64Array,
    actionOffset: number,
    next: Float64Array,
    nextOffset: number,
    out: Float64Array,
    outOffset: number,
  ): void;
  /**
   * Why no episode of this task stands in such a row, in words (`square 12 is a wall`), beyond what is asked of every row; null where one
   * could. For tasks whose numbers choose among things. Pure.
   */
  problem?(state: Float64Array, stateOffset: number): string | null;
  /** The scripted expert: a pure function of the state, works from any start. out: [actionDim]. */
  expert(state: Float64Array, stateOffset: number, out: Float64Array, outOffset: number): void;
  /** Poses of all bodies, 7 numbers each: px py pz qx qy qz qw. out: [bodies.length * 7]. */
  poses(state: Float64Array, stateOffset: number, out: Float32Array, outOffset: number): void;
  /** Colours that change with the state, for all bodies: r g b in [0, 1], NaN where a body keeps its own. out: [bodies.length * 3]. */
  colours?(state: Float64Array, stateOffset: number, out: Float32Array, outOffset: number): void;
  /** Named views; `sim/camera.ts` has defaults for tasks without. */
  readonly cameras?: readonly CameraView[];
  /**
   * Where bodies touch in this state and with which forces, as the last physics step left them: for the window, no part of
   * dynamics, observation or reward. Absent where the row keeps no impulses. Pure.
   */
  contacts?(state: Float64Array, stateOffset: number): Contact[];
  /** Which bodies press on each other, by name, each pair once: `contacts` without places and forces, much cheaper. */
  touching?(state: Float64Array, stateOffset: number): [a: string, b: string][];
  /**
   * What pressed on what during the control step that leads out of this row with this action, for tasks whose contacts are settled at once
   * and leave nothing in the row: one a pair of bodies, the force its mean over the control step, 0 of a mere touch. Simulates the step
   * again on a copy. Pure. action: [actionDim] from its offset.
   */
  impacts?(state: Float64Array, stateOffset: number, action: Float64Array, actionOffset: number): Contact[];
  readonly lidar?: LidarFace;
  readonly goals?: GoalFace;
  readonly parallel?: ParallelFace;
  /** The whole task as tables, where it is small enough. */
  readonly tabular?: Tabular;
  /**
   * Drills only: a scripted policy that collects the written (dense) reward without doing the task, where the written
   * reward is wrong; in the fair twin it earns less than the expert. out: [actionDim].
   */
  exploit?(state: Float64Array, stateOffset: number, out: Float64Array, outOffset: number): void;
}

/** What of an algorithm's settings this task wants otherwise than the algorithm's own defaults, and which native reward. */
export interface TrainingDefaults {
  readonly reward: 'sparse' | 'dense';
  readonly settings: AnySettings;
}

export interface Task {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** Changes whenever dynamics, observations or rewards change; part of every stored hash. */
  readonly version: number;
  readonly fields: Fields;
  /**
   * Defaults by algorithm; the first one is what the task is trained with when nothing else is said. A comment says where
   * they are from; those without are the usual values for tasks of their kind and length, not tuned one by one.
   */
  readonly training?: Readonly<Record<string, TrainingDefaults>>;
  /** @throws RangeError naming the setting when a combination of settings is impossible. */
  create(settings: AnySettings): TaskModel;
}

/** What is recorded of the states of a batch beside keyframes. */
export interface Frames {
  /** 64-bit hashes, the high word first. [count, 2] */
  readonly hash: Uint32Array;
  /** As `TaskModel` has them. [count] */
  readonly progress: Float32Array;
  readonly stage: Uint8Array;
  readonly success: Uint8Array;
}

/** N worlds of one task. Arrays are owned by the batch and overwritten by the next call. */
export interface BatchEnv {
  readonly model: TaskModel;
  readonly count: number;
  /** [count * stateDim] */
  readonly states: Float64Array;
  /** The states before the last `step`, for `reward(s, a, s')`. [count * stateDim] */
  readonly previousStates: Float64Array;
  /** [count * observationDim] */
  readonly observations: Float64Array;
  /** 1 where the last step ended the episode by the task's rules. [count] */
  readonly terminated: Uint8Array;
  /** 1 where the last step reached the horizon and did not terminate. [count] */
  readonly truncated: Uint8Array;
  /** 1 where the state became non-finite or exploded; the world stays frozen until reset. [count] */
  readonly diverged: Uint8Array;
  /** Of the states after the last `step`; written only while `isRecorded`. */
  readonly frames: Frames;
  /** Whether somebody records: steps write `frames` too, each thread those of its worlds. */
  isRecorded: boolean;
  /** Starts one world anew; its observation is refreshed. */
  reset(world: number, seed: number): void;
  /** One control step of every world. actions: [count * actionDim]. @throws RangeError on wrong size, non-finite actions or no such option, states unchanged. */
  step(actions: Float64Array): void;
  /** Copies one world's state row out / in (exact; includes warm-start data when the engine has any). @throws RangeError on a row of another size, with a number that is not finite or that nothing in the task belongs to, states unchanged. */
  saveState(world: number): Float64Array;
  restoreState(world: number, state: Float64Array): void;
  /**
   * Copies of the last states of a world, at most 100, oldest first: of a diverged world the last one is the broken row.
   * None from before its last reset or restored state; only the present one where somebody wrote into `states`.
   */
  history(world: number): Float64Array[];
}
