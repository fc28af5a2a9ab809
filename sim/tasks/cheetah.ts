/** A planar runner with the build of HalfCheetah that is told how fast to run. */

import type { Task } from '../env.ts';
import { cheetahRobot } from '../robots/legs.ts';
import { runnerTask, runningFields } from './running.ts';

/**
 * The expert's torques are linear in what it observes and then cut off at 1: no clock, no pattern generator; the gait is
 * the limit cycle of legs, springs and these gains. One row a joint: the constant, then one gain for each number of the
 * observation up to `command`. Found by augmented random search (Mania, Guy, Recht 2018, arXiv:1803.07055) over commands
 * of 1.6 to 2.4 m/s, part of the rounds with noise on the torques; see docs/tasks/cheetah.md.
 */
// biome-ignore format: a table
const gait: readonly (readonly number[])[] = [
  [2.22, -6.57, -0.34, -0.267, -1.32, -0.518, 0.965, 0.549, -0.908, -0.0288, 0.232, -0.264, -0.0546, -0.0218, 0.0669, 0.0381, 0.0629, 0.0412, -0.182, 1.01],
  [3.02, -2.78, -0.334, -0.538, -0.61, 0.615, -0.27, -0.498, -0.32, -0.152, 0.0586, 0.162, -0.00339, -0.0214, -0.0103, 0.0349, 0.00197, 0.00651, 0.011, -0.488],
  [0.298, -0.655, -0.763, 1.47, -0.732, -0.338, 1.38, -0.393, -0.811, 0.165, 0.228, 0.138, 0.0625, -0.0163, 0.0377, 0.0365, 0.0469, 0.0416, 0.506, -0.416],
  [1.75, -4.59, 3.35, -0.569, 0.46, -0.414, -0.13, -0.834, -0.174, -0.447, 0.149, 0.0872, 0.0301, 0.0387, 0.00774, -0.0611, -0.0059, 0.0195, -0.0792, 0.689],
  [2.15, -5.59, 2.42, -1.46, 0.272, -1.25, -0.134, -1.4, -0.907, 0.147, 0.337, 0.252, 0.0251, 0.0688, 0.0469, -0.0715, 0.0344, 0.041, 0.069, 0.33],
  [0.626, -1.03, -0.395, 0.203, 1.26, 0.875, -0.737, 0.481, -0.962, 0.67, -0.11, 0.122, 0.00632, -0.0616, 0.0139, -0.0431, 0.0104, -0.02, 0.302, -0.504],
];

export const cheetah: Task = runnerTask({
  id: 'cheetah',
  title: 'Cheetah',
  summary: 'Run at a commanded speed on two legs in the plane, with springs in every joint.',
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 3_000_000,
        worlds: 64,
        stepsPerWorld: 64,
        epochs: 8,
        minibatch: 1_024,
        learningRate: 0.001,
        gamma: 0.98,
        entropyCoef: 0.001,
        hiddenSize: 128,
        initialLogStd: -1,
      },
    },
  },
  version: 1,
  fields: runningFields(100, 2, 6),
  robot: cheetahRobot,
  controlDt: 0.05,
  substeps: 5,
  feet: ['backToe', 'frontToe'],
  gears: [120, 90, 60, 120, 60, 30],
  mostPitch: 1,
  leastHeight: 0.36,
  startAngle: 0.1,
  startRate: 0.1,
  expert(seen, out, at) {
    for (let j = 0; j < gait.length; j++) {
      const row = gait[j]!;
      let torque = row[0]!;
      for (let i = 1; i < row.length; i++) torque += row[i]! * seen[i - 1]!;
      out[at + j] = torque;
    }
  },
});
