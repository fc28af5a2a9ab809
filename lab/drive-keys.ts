/** Keys that steer a task, from the names and ranges of its action, and the action that keys which are down come to. Pure. */

import type { ActionSpace } from '../sim/env.ts';
import type { DriveKey } from './api/forks.ts';

/** Held beside others: everything at a quarter of its speed. */
const slowCodes = ['ShiftLeft', 'ShiftRight'];
const slowness = 0.25;

const labelOf = (code: string): string =>
  code === 'Space' ? 'Space' : code.replace(/^(Key|Digit|Arrow)/, '');

type Add = DriveKey['adds'][number];

function key(
  codes: readonly string[],
  title: string,
  adds: readonly Add[],
  kind: DriveKey['kind'] = 'hold',
): DriveKey {
  return { codes: [...codes], label: labelOf(codes[0]!), title, kind, adds: [...adds] };
}

const ahead = ['KeyW', 'ArrowUp'];
const back = ['KeyS', 'ArrowDown'];
const left = ['KeyA', 'ArrowLeft'];
const right = ['KeyD', 'ArrowRight'];

/** Rows of the keyboard: forth and back of components without a better idea. */
const forths = ['KeyQ', 'KeyW', 'KeyE', 'KeyR', 'KeyT', 'KeyY', 'KeyU', 'KeyI', 'KeyO', 'KeyP'];
const backs = ['KeyA', 'KeyS', 'KeyD', 'KeyF', 'KeyG', 'KeyH', 'KeyJ', 'KeyK', 'KeyL', 'Semicolon'];

/** `thighTorque` -> `thigh torque`. */
const spoken = (name: string): string =>
  name.replace(/\./g, ' ').replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

/** Keys that steer, most natural first. Every component of the action has one, as far as the keyboard goes. */
export function driveKeys(space: ActionSpace): DriveKey[] {
  return space.type === 'discrete' ? optionKeys(space.n, space.names[0]!) : boxKeys(space.names);
}

function optionKeys(n: number, name: string): DriveKey[] {
  const option = (codes: readonly string[], title: string, value: number): DriveKey =>
    key(codes, title, [{ component: 0, value }], 'option');
  // The grids have their four directions clockwise from up.
  if (n === 4 || n === 5) {
    return [
      option(ahead, 'up', 0),
      option(right, 'right', 1),
      option(back, 'down', 2),
      option(left, 'left', 3),
      ...(n === 5 ? [option(['Space', 'KeyG'], 'use', 4)] : []),
    ];
  }
  if (n === 2 || n === 3) return [option(left, `${name} left`, 0), option(right, `${name} right`, n - 1)];
  return Array.from({ length: Math.min(n, 9) }, (_, i) => option([`Digit${i + 1}`], `${name} ${i}`, i));
}

function boxKeys(names: readonly string[]): DriveKey[] {
  const at = (wanted: RegExp): number => names.findIndex((name) => wanted.test(name));
  const keys: DriveKey[] = [];
  const taken = new Set<number>();
  const pair = (
    component: number,
    forth: readonly string[],
    backwards: readonly string[],
    titles: [string, string],
  ) => {
    if (component < 0) return;
    taken.add(component);
    keys.push(
      key(forth, titles[0], [{ component, value: 1 }]),
      key(backwards, titles[1], [{ component, value: -1 }]),
    );
  };
  const [leftWheel, rightWheel] = [at(/^wheels?\.left$/), at(/^wheels?\.right$/)];
  if (leftWheel >= 0 && rightWheel >= 0) {
    const both = (l: number, r: number): Add[] => [
      { component: leftWheel, value: l },
      { component: rightWheel, value: r },
    ];
    taken.add(leftWheel).add(rightWheel);
    keys.push(
      key(ahead, 'forwards', both(1, 1)),
      key(back, 'backwards', both(-1, -1)),
      key(left, 'turn left', both(-0.5, 0.5)),
      key(right, 'turn right', both(0.5, -0.5)),
    );
  }
  // Of an arm x leads away from its base, which is ahead; a plane is seen from above.
  const isArm = at(/^velocity\.z$/) >= 0;
  const [x, y] = [at(/^(velocity|force)\.x$/), at(/^(velocity|force)\.y$/)];
  if (isArm) {
    pair(x, ahead, back, ['ahead', 'back']);
    pair(y, left, right, ['left', 'right']);
  } else {
    pair(y, ahead, back, ['up', 'down']);
    pair(x, right, left, ['right', 'left']);
  }
  pair(at(/^velocity\.z$/), ['KeyE', 'PageUp'], ['KeyQ', 'PageDown'], ['up', 'down']);
  pair(at(/^pedals$/), ahead, back, ['throttle', 'brake']);
  pair(at(/^steering$/), left, right, ['steer left', 'steer right']);
  const grip = at(/^close$/);
  if (grip >= 0) {
    taken.add(grip);
    keys.push(key(['Space', 'KeyG'], 'close or open the gripper', [{ component: grip, value: 1 }], 'toggle'));
  }
  const kick = at(/^kick$/);
  if (kick >= 0) {
    taken.add(kick);
    keys.push(key(['Space', 'KeyG'], 'kick', [{ component: kick, value: 1 }]));
  }
  if (names.length === 1 && taken.size === 0) {
    pair(0, right, left, [`${spoken(names[0]!)} right`, `${spoken(names[0]!)} left`]);
    return keys;
  }
  const used = new Set(keys.flatMap(({ codes }) => codes));
  names.forEach((name, component) => {
    if (taken.has(component)) return;
    const [forth, backwards] = [forths, backs].map((row) => row.find((code) => !used.has(code)));
    if (forth === undefined || backwards === undefined) return;
    used.add(forth).add(backwards);
    pair(component, [forth], [backwards], [`${spoken(name)} +`, `${spoken(name)} -`]);
  });
  return keys;
}

/** In the grids every step is a move: they wait for one. */
export const waitsForKeys = (space: ActionSpace): boolean => space.type === 'discrete' && space.n > 3;

/** What is kept from step to step: which keys were down, what toggles say, the last option. */
export interface DriveHand {
  readonly down: Set<string>;
  readonly toggled: Set<number>;
  option: number;
}

/** Whoever has just taken over holds nothing; a gripper that was closed stays closed, an option goes on. */
export function newHand(space: ActionSpace, keys: readonly DriveKey[], last: Float64Array | null): DriveHand {
  const toggled = new Set(
    keys.flatMap(({ kind, adds }) =>
      kind === 'toggle' && (last?.[adds[0]!.component] ?? -1) > 0 ? [adds[0]!.component] : [],
    ),
  );
  return { down: new Set(), toggled, option: space.type === 'discrete' ? (last?.[0] ?? 0) : 0 };
}

/** The action of keys that are down, in [-1, 1] or the option. out: [dim]. `hand` remembers them. */
export function actionOfKeys(
  space: ActionSpace,
  keys: readonly DriveKey[],
  codes: readonly string[],
  hand: DriveHand,
  out: Float64Array,
): void {
  const isDown = (one: DriveKey): boolean => one.codes.some((code) => codes.includes(code));
  const wasDown = (one: DriveKey): boolean => one.codes.some((code) => hand.down.has(code));
  if (space.type === 'discrete') {
    const pressed = keys.find(isDown);
    // Three options are left, nothing, right; of two the last goes on.
    if (pressed !== undefined) hand.option = pressed.adds[0]!.value;
    else if (space.n === 3) hand.option = 1;
    out[0] = hand.option;
  } else {
    out.fill(0);
    const share = codes.some((code) => slowCodes.includes(code)) ? slowness : 1;
    for (const one of keys) {
      if (one.kind === 'toggle') {
        const { component } = one.adds[0]!;
        if (isDown(one) && !wasDown(one) && !hand.toggled.delete(component)) hand.toggled.add(component);
        out[component] = hand.toggled.has(component) ? 1 : -1;
      } else if (isDown(one)) {
        for (const { component, value } of one.adds) out[component] = out[component]! + share * value;
      }
    }
    for (let k = 0; k < out.length; k++) out[k] = Math.max(-1, Math.min(1, out[k]!));
  }
  hand.down.clear();
  for (const code of codes) hand.down.add(code);
}
