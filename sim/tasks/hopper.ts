/**
 * A one-legged hopper that is told how fast to travel. The expert is Raibert's (Legged Robots That Balance, 1986): thrust
 * in stance, foot placement in flight, attitude by the hip in stance.
 */

import { clamp } from '../engine/math.ts';
import type { Task } from '../env.ts';
import { arcsin, halfBend, hopperRobot } from '../robots/legs.ts';
import { runnerTask, runningFields } from './running.ts';

/** What the expert knows of the robot: bones (m), bend at angle 0 (rad), knee spring (N m/rad). */
const bone = 0.3;
const bend = 0.55;
const spring = 90;
/** From hip to foot in flight (m). */
const legLength = 0.45;
const gears = [60, 90] as const;

/**
 * Gains of the expert, N m/rad and N m s/rad where nothing else is said. Found by an evolutionary search over hops with
 * and without noise on the torques; see docs/tasks/hopper.md.
 */
const flight = { hip: 980, hipRate: 5.1, knee: 300, kneeRate: 7.4 } as const;
const attitude = { pitch: 278, pitchRate: 89 } as const;
/** Half of the time that a stance lasts (s), and metres of foot placement per m/s of speed too much. */
const halfStance = 0.078;
const placement = 0.134;
/** Thrust (N m) at a hop of the wanted height of the hip (m), and per metre that is missing. */
const thrust = 17;
const thrustPerHeight = 720;
const wantedHeight = 0.537;

export const hopper: Task = runnerTask({
  id: 'hopper',
  title: 'Hopper',
  summary: 'Hop at a commanded speed on one leg in the plane.',
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 3_000_000,
        worlds: 64,
        stepsPerWorld: 128,
        epochs: 8,
        minibatch: 1_024,
        learningRate: 0.001,
        gamma: 0.99,
        entropyCoef: 0.001,
        hiddenSize: 128,
        initialLogStd: -1,
      },
    },
  },
  version: 1,
  fields: runningFields(400, 1, 2),
  robot: hopperRobot,
  controlDt: 0.01,
  substeps: 2,
  feet: ['foot'],
  gears,
  mostPitch: 1,
  leastHeight: 0.25,
  startAngle: 0.08,
  startRate: 0.1,
  expert(seen, out, at) {
    const height = seen[0]!;
    const pitch = seen[1]!;
    const hip = seen[2]!;
    const knee = seen[3]!;
    const vx = seen[4]!;
    const vz = seen[5]!;
    const pitchRate = seen[6]!;
    const hipRate = seen[7]!;
    const kneeRate = seen[8]!;
    const command = seen[10]!;
    const thigh = pitch + hip;
    const inStance = seen[13]! > 0;
    let hipTorque: number;
    let kneeTorque: number;
    if (inStance) {
      hipTorque = attitude.pitch * pitch + attitude.pitchRate * pitchRate;
      const apex = height + (vz * vz) / (2 * 9.81);
      kneeTorque =
        vz > 0 || kneeRate < 0 ? -clamp(thrust + thrustPerHeight * (wantedHeight - apex), 0, 90) : 0;
    } else {
      const footX = clamp(vx * halfStance + placement * (vx - command), -0.3, 0.3);
      // Half bend of the knee from the leg's length, and the leg's angle from the place of the foot.
      const kneeWanted = 2 * (halfBend(legLength, bone) - bend);
      const legAngle = arcsin(footX / legLength);
      const thighWanted = -legAngle - kneeWanted / 2;
      hipTorque = flight.hip * (thighWanted - thigh) - flight.hipRate * hipRate;
      kneeTorque = flight.knee * (kneeWanted - knee) - flight.kneeRate * kneeRate + spring * knee;
    }
    out[at] = hipTorque / gears[0];
    out[at + 1] = kneeTorque / gears[1];
  },
});
