/** A thread that steps the scenes of `scenes.ts` in our engine and its peers, and says how fast each was. */

import { parentPort, workerData } from 'node:worker_threads';
import { openMujoco } from './mujoco.ts';
import { openOurs } from './ours.ts';
import { openRapier, openRapierSimd } from './rapier.ts';
import { commandEvery, graspCommands, lifted, type Peer } from './scenes.ts';

export interface PeerRow {
  readonly scene: 'gantry' | 'arm';
  readonly engine: string;
  readonly worlds: number;
  /** Of one thread, all worlds together; median of the rounds. */
  readonly physicsStepsPerSecond: number;
  /** Our engine's figure for the same scene and number of worlds over this one. */
  readonly oursOverThis: number;
}

/** One grasp, or the arm's swing as long: physics steps a second. @throws Error when the cube is not where it belongs. */
function round(peer: Peer, scene: 'gantry' | 'arm', engine: string): number {
  peer.reset();
  let time = 0;
  for (let t = 0; t < graspCommands; t++) {
    peer.command(t);
    const from = performance.now();
    peer.step(commandEvery);
    time += (performance.now() - from) / 1000;
  }
  // No engine wins by doing less.
  for (let world = 0; world < peer.worlds; world++) {
    const height = peer.cubeHeight(world);
    const fine = scene === 'gantry' ? height > lifted : Math.abs(height - 0.025) < 0.002;
    if (!fine) throw new Error(`${engine}, ${scene}: the cube is at ${height} m in world ${world}`);
  }
  return (peer.worlds * graspCommands * commandEvery) / time;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const { seconds } = workerData as { seconds: number };
const engines = [openOurs(), await openMujoco(), await openRapier(), await openRapierSimd()];
const rows: PeerRow[] = [];
for (const scene of ['gantry', 'arm'] as const) {
  for (const worlds of [1, 16]) {
    const racers = engines.flatMap(({ name, [scene]: open }) =>
      open === undefined ? [] : [{ name, peer: open(worlds), rates: [] as number[] }],
    );
    // In turns, so that whatever else this machine does slows all of them; the first turn warms up.
    const end = performance.now() + 1000 * seconds * racers.length;
    for (let turn = 0; turn < 4 || performance.now() < end; turn++) {
      for (const { name, peer, rates } of racers) {
        const found = round(peer, scene, name);
        if (turn > 0) rates.push(found);
      }
    }
    const ours = median(racers[0]!.rates);
    for (const { name, peer, rates } of racers) {
      peer.dispose();
      const found = median(rates);
      rows.push({
        scene,
        engine: name,
        worlds,
        physicsStepsPerSecond: Math.round(found),
        oursOverThis: ours / found,
      });
    }
  }
}
parentPort!.postMessage(rows);
