/**
 * Whole episodes, played in groups that share their start: what methods without a critic learn from. Only steps of
 * running episodes are kept, row after row in the order of time, so that nothing after an end has to be masked.
 */

import type { VectorEnv } from '../algorithms/types.ts';
import type { Actor } from './actor.ts';
import type { Random } from './random.ts';

/** Steps after which an episode that has not ended is taken for one that never will. */
const longestEpisode = 1_000_000;

export class Episodes {
  readonly worlds: number;
  readonly groupSize: number;
  readonly observationDim: number;
  readonly actionDim: number;
  /** R, steps of all episodes together. Arrays may be longer. */
  rows = 0;
  /** The first row of each time, and R at the end. [longest episode + 1] */
  readonly starts: number[] = [];
  /** As the environment gave them. [R, observationDim] */
  observations = new Float64Array(0);
  /** Before clipping. [R, actionDim] */
  actions = new Float64Array(0);
  /** [R] each */
  logProbabilities = new Float64Array(0);
  rewards = new Float64Array(0);
  world = new Int32Array(0);
  /** Of each episode [worlds]: steps, sum of rewards, whether it broke off (diverged): its return is then unknown. */
  readonly lengths: Int32Array;
  readonly returns: Float64Array;
  readonly broken: Uint8Array;

  constructor(worlds: number, groupSize: number, observationDim: number, actionDim: number) {
    this.worlds = worlds;
    this.groupSize = groupSize;
    this.observationDim = observationDim;
    this.actionDim = actionDim;
    this.lengths = new Int32Array(worlds);
    this.returns = new Float64Array(worlds);
    this.broken = new Uint8Array(worlds);
  }

  /** Room for `more` further rows. */
  reserve(more: number): void {
    const wanted = this.rows + more;
    if (wanted <= this.rewards.length) return;
    const capacity = Math.max(wanted, 2 * this.rewards.length);
    const { observations, actions, logProbabilities, rewards, world } = this;
    this.observations = new Float64Array(capacity * this.observationDim);
    this.observations.set(observations);
    this.actions = new Float64Array(capacity * this.actionDim);
    this.actions.set(actions);
    this.logProbabilities = new Float64Array(capacity);
    this.logProbabilities.set(logProbabilities);
    this.rewards = new Float64Array(capacity);
    this.rewards.set(rewards);
    this.world = new Int32Array(capacity);
    this.world.set(world);
  }

  clear(): void {
    this.rows = 0;
    this.starts.length = 0;
    this.lengths.fill(0);
    this.returns.fill(0);
    this.broken.fill(0);
  }

  /** Writes G_t = r_t + gamma G_{t+1} of every row to `out` [R]: the time limit ends an episode like any other end. */
  returnsToGo(gamma: number, out: Float64Array): void {
    const later = new Float64Array(this.worlds);
    for (let i = this.rows - 1; i >= 0; i--) {
      const n = this.world[i]!;
      later[n] = this.rewards[i]! + gamma * later[n]!;
      out[i] = later[n]!;
    }
  }

  /** Copies the observations of rows, by their numbers, to `out` [indices, observationDim]. */
  gather(indices: Int32Array, out: Float64Array): void {
    const { observationDim: dim, observations } = this;
    for (let row = 0; row < indices.length; row++) {
      const from = indices[row]! * dim;
      const to = row * dim;
      for (let k = 0; k < dim; k++) out[to + k] = observations[from + k]!;
    }
  }

  /** Rows of episodes that did not break off. */
  usable(): Int32Array {
    let count = 0;
    const indices = new Int32Array(this.rows);
    for (let i = 0; i < this.rows; i++) if (!this.broken[this.world[i]!]) indices[count++] = i;
    return indices.subarray(0, count);
  }

  /** Means over the episodes that did not break off; `groupSpread`: deviation of returns within groups, mean over groups. */
  metrics(): Record<string, number> {
    const sums = { episodes: 0, steps: 0, total: 0, groups: 0, spread: 0 };
    for (let first = 0; first < this.worlds; first += this.groupSize) {
      let [count, total, squares] = [0, 0, 0];
      for (let n = first; n < first + this.groupSize; n++) {
        if (this.broken[n]) continue;
        count++;
        total += this.returns[n]!;
        sums.steps += this.lengths[n]!;
      }
      for (let n = first; n < first + this.groupSize; n++) {
        if (!this.broken[n]) squares += (this.returns[n]! - total / count) ** 2;
      }
      sums.episodes += count;
      sums.total += total;
      if (count < 2) continue;
      sums.groups++;
      sums.spread += Math.sqrt(squares / count);
    }
    return {
      'rollout/reward': sums.total / Math.max(1, sums.steps),
      'rollout/return': sums.total / Math.max(1, sums.episodes),
      'rollout/length': sums.steps / Math.max(1, sums.episodes),
      ...(this.groupSize > 1 ? { 'rollout/groupSpread': sums.spread / Math.max(1, sums.groups) } : {}),
    };
  }
}

/**
 * Starts all worlds anew in groups and plays until the last episode ended, with actions drawn from the policy. The
 * observations are gathered in `actor.seen`. Gives the seconds spent in the environment.
 * @throws RangeError when the environment cannot restart; Error naming what is not finite.
 */
export async function collectEpisodes(
  name: string,
  env: VectorEnv,
  actor: Actor,
  random: Random,
  into: Episodes,
  clock: () => number,
): Promise<number> {
  const { worlds, observationDim, actionDim } = into;
  const { head, networks } = actor;
  const isReal = (env.choices ?? []).length === 0;
  if (env.restart === undefined) {
    throw new RangeError(`${name}: learns from whole episodes, and this environment cannot start them anew`);
  }
  into.clear();
  env.restart(into.groupSize);
  const running = Int32Array.from({ length: worlds }, (_, n) => n);
  let alive = worlds;
  let waited = 0;
  const seen = new Float64Array(worlds * observationDim);
  const clipped = new Float64Array(worlds * actionDim);
  for (let t = 0; alive > 0; t++) {
    if (t === longestEpisode) throw new Error(`${name}: an episode has not ended after ${t} steps`);
    into.reserve(alive);
    const first = into.rows;
    into.starts.push(first);
    // 1. See: the running worlds only, one row after the other.
    for (let j = 0; j < alive; j++) {
      const from = running[j]! * observationDim;
      for (let k = 0; k < observationDim; k++) seen[j * observationDim + k] = env.observations[from + k]!;
    }
    actor.seen.update(seen, alive);
    actor.look(seen, alive);
    into.observations.set(seen.subarray(0, alive * observationDim), first * observationDim);
    // 2. Act.
    const outputs = await actor.forward(alive);
    clipped.fill(0);
    for (let j = 0; j < alive; j++) {
      const [row, n] = [first + j, running[j]!];
      const at = row * actionDim;
      const log = head.sample(outputs, j * head.outputs, networks.loose, random, into.actions, at);
      if (!Number.isFinite(log)) {
        throw new Error(
          `${name}: log probability of the action of world ${n} is ${log}, wanted a finite number`,
        );
      }
      into.logProbabilities[row] = log;
      into.world[row] = n;
      for (let k = 0; k < actionDim; k++) {
        const action = into.actions[at + k]!;
        clipped[n * actionDim + k] = isReal ? Math.max(-1, Math.min(1, action)) : action;
      }
    }
    // 3. Step.
    const begun = clock();
    const pending = env.step(clipped);
    if (pending) await pending;
    waited += clock() - begun;
    // 4. Keep the outcome; worlds whose episode ended drop out.
    let left = 0;
    for (let j = 0; j < alive; j++) {
      const n = running[j]!;
      const reward = env.diverged[n] ? 0 : env.rewards[n]!;
      if (!Number.isFinite(reward)) {
        throw new Error(`${name}: rollout/reward of world ${n} is ${reward}, wanted a finite number`);
      }
      into.rewards[first + j] = reward;
      into.returns[n]! += reward;
      into.lengths[n] = t + 1;
      if (env.diverged[n]) into.broken[n] = 1;
      else if (!env.terminated[n] && !env.truncated[n]) running[left++] = n;
    }
    into.rows += alive;
    alive = left;
  }
  into.starts.push(into.rows);
  return waited;
}
