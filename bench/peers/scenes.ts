/**
 * The scenes that are measured side by side, as numbers, and what is done in them. SI units, z up, table top at z = 0.
 *
 * `gantry`: a hand on three slide joints with velocity servos, two finger slides with force-limited position servos, a
 * table, and a free cube of 5 cm that is grasped and lifted. `arm`: seven hinges in a row with position servos that swing
 * above a table on which a free cube lies.
 */

/** Seconds a physics step, everywhere. */
export const dt = 0.002;

export const gantry = {
  cube: { half: 0.025, mass: 0.1 },
  tableHalf: [0.4, 0.45, 0.02],
  hand: { mass: 1, palmHalf: [0.0275, 0.08, 0.0325], palmHeight: 0.0875, damping: 60, force: 30 },
  finger: {
    mass: 0.1,
    half: [0.011, 0.006, 0.0275],
    stiffness: 1000,
    damping: 30,
    force: 10,
    openMost: 0.04,
  },
  friction: { cube: 0.5, finger: 1, table: 0.5 },
  startHeight: 0.1,
} as const;

export const arm = {
  /** A hinge each, alternating about z and y. */
  joints: 7,
  linkLength: 0.12,
  linkRadius: 0.03,
  linkMass: 0.8,
  stiffness: 200,
  damping: 20,
  force: 80,
  base: [-0.6, 0, 0.1],
} as const;

/** Physics steps between two commands: 20 Hz. */
export const commandEvery = 25;
/** Commands of one grasp: down, close, up, hold. */
export const graspCommands = 26;
/** At the end of a grasp the cube's middle is above this, else it was not grasped. */
export const lifted = 0.06;

/** Wanted speed along z and opening of each finger after `t` commands of a grasp. */
export function graspCommand(t: number): { readonly rise: number; readonly opening: number } {
  if (t < 8) return { rise: -0.2, opening: 0.04 };
  if (t < 12) return { rise: 0, opening: 0.015 };
  if (t < 20) return { rise: 0.2, opening: 0.015 };
  return { rise: 0, opening: 0.015 };
}

/** Wanted angle of hinge `joint` after `t` commands. */
export const armAngle = (joint: number, t: number): number => 0.4 * Math.sin(0.15 * t + joint);

/** Worlds of one engine, of one scene, stepped one after the other. */
export interface Peer {
  readonly worlds: number;
  /** All worlds at their start. */
  reset(): void;
  /** Command number `t` of the scene's script to all worlds. */
  command(t: number): void;
  /** `n` physics steps of all worlds. */
  step(n: number): void;
  /** Height of the cube's middle in one world. */
  cubeHeight(world: number): number;
  dispose(): void;
}

export interface Engine {
  readonly name: string;
  readonly gantry?: (worlds: number) => Peer;
  readonly arm?: (worlds: number) => Peer;
}
