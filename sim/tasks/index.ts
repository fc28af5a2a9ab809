/** All tasks. A task is one file and one line here. */

import type { Task } from '../env.ts';
import { acrobot } from './acrobot.ts';
import { buttonSequence } from './button-sequence.ts';
import { cartpole } from './cartpole.ts';
import { cheetah } from './cheetah.ts';
import { coverage } from './coverage.ts';
import { door } from './door.ts';
import { drawer } from './drawer.ts';
import { drillCamera } from './drill-camera.ts';
import { drillHover } from './drill-hover.ts';
import { drillLoop } from './drill-loop.ts';
import { drillProxy } from './drill-proxy.ts';
import { drillSwitch } from './drill-switch.ts';
import { drillTamper } from './drill-tamper.ts';
import { drillTip } from './drill-tip.ts';
import { gridChain } from './grid-chain.ts';
import { gridCliff } from './grid-cliff.ts';
import { gridWorld } from './grid-world.ts';
import { highway } from './highway.ts';
import { hopper } from './hopper.ts';
import { maze } from './maze.ts';
import { mountainCar } from './mountain-car.ts';
import { mountainCarContinuous } from './mountain-car-continuous.ts';
import { pegTask } from './peg.ts';
import { pendulum } from './pendulum.ts';
import { pickPlace } from './pick-place.ts';
import { push } from './push.ts';
import { quadruped } from './quadruped.ts';
import { reach } from './reach.ts';
import { rooms } from './rooms.ts';
import { rope } from './rope.ts';
import { slide } from './slide.ts';
import { soccer } from './soccer.ts';
import { sort } from './sort.ts';
import { stack } from './stack.ts';
import { tag } from './tag.ts';
import { tool } from './tool.ts';

export const tasks = {
  reach,
  push,
  'pick-place': pickPlace,
  slide,
  stack,
  drawer,
  door,
  'button-sequence': buttonSequence,
  peg: pegTask,
  tool,
  sort,
  rope,
  cartpole,
  pendulum,
  'mountain-car': mountainCar,
  'mountain-car-continuous': mountainCarContinuous,
  acrobot,
  'grid-chain': gridChain,
  'grid-world': gridWorld,
  'grid-cliff': gridCliff,
  'drill-loop': drillLoop,
  'drill-tamper': drillTamper,
  'drill-switch': drillSwitch,
  'drill-proxy': drillProxy,
  'drill-hover': drillHover,
  'drill-tip': drillTip,
  'drill-camera': drillCamera,
  maze,
  rooms,
  coverage,
  tag,
  soccer,
  highway,
  hopper,
  cheetah,
  quadruped,
} as const satisfies Readonly<Record<string, Task>>;

export type TaskId = keyof typeof tasks;
