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

/** @throws Error when the cube was not lifted, so that no engine wins by doing less. */
function rate(peer: Peer, scene: 'gantry' | 'arm', engine: string, seconds: number): number {
  const rates: number[] = [];
  let spent = 0;
  // The first round warms up.
  while (rates.length < 3 || spent < seconds) {
    peer.reset();
    let time = 0;
    for (let t = 0; t < graspCommands; t++) {
      peer.command(t);
      const from = performance.now();
      peer.step(commandEvery);
      time += (performance.now() - from) / 1000;
    }
    rates.push((peer.worlds * graspCommands * commandEvery) / time);
    spent += time;
    for (let world = 0; world < peer.worlds; world++) {
      const height = peer.cubeHeight(world);
      const fine = scene === 'gantry' ? height > lifted : Math.abs(height - 0.025) < 0.002;
      if (!fine) throw new Error(`${engine}, ${scene}: the cube is at ${height} m in world ${world}`);
    }
  }
  const warm = rates.slice(1).sort((a, b) => a - b);
  return warm[warm.length >> 1]!;
}

const { seconds } = workerData as { seconds: number };
const engines = [openOurs(), await openMujoco(), await openRapier(), await openRapierSimd()];
const rows: PeerRow[] = [];
for (const scene of ['gantry', 'arm'] as const) {
  for (const worlds of [1, 64]) {
    let ours = Number.NaN;
    for (const { name, [scene]: open } of engines) {
      if (open === undefined) continue;
      const peer = open(worlds);
      const found = rate(peer, scene, name, seconds);
      peer.dispose();
      if (Number.isNaN(ours)) ours = found;
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
