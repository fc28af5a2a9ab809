/** Contacts of discs against mechanics: what was pressed is what changed the speeds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact, TaskModel } from '../../../sim/env.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const made = (id: 'soccer' | 'tag', settings: object = {}): TaskModel =>
  tasks[id].create({ ...defaultsOf(tasks[id].fields), ...settings });

const at = (model: TaskModel, name: string): number =>
  model.stateLayout.find((field) => field.name === name)!.offset;

/** Force on a body, N. */
function forceOn(contacts: readonly Contact[], body: string): [number, number] {
  const sum: [number, number] = [0, 0];
  for (const { bodyA, bodyB, normal, force } of contacts) {
    const sign = bodyB === body ? 1 : bodyA === body ? -1 : 0;
    sum[0] += sign * force * normal[0];
    sum[1] += sign * force * normal[1];
  }
  return sum;
}

test('a robot that drives against the wall presses on it with the force of its motor', () => {
  const model = made('soccer');
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  const [robot, opponent, ball] = [at(model, 'home0.pos'), at(model, 'away0.pos'), at(model, 'ball.pos')];
  // Away from everything, at the middle of the near wall: 2 kg, 4 m/s^2.
  state.set([-1.5, -1.82], robot);
  state.set([2, 1], opponent);
  state.set([2, -1], ball);
  const action = Float64Array.of(0, -1, 0);
  for (let t = 0; t < 5; t++) model.advance(state, action, 0, 1);
  const [x, y] = forceOn(model.impacts!(state, 0, action, 0), 'home0');
  assert.ok(Math.abs(x) < 1e-9 && Math.abs(y - 8) < 0.05, `${x} ${y} N`);
});

test('the ball’s momentum changes by what pressed on it, but for the drag of the grass', () => {
  const model = made('soccer', { players: 2 });
  const state = new Float64Array(model.stateDim);
  const action = new Float64Array(model.actionSpace.dim);
  const [velocity, mass, drag] = [at(model, 'ball.vel'), at(model, 'ball.mass'), at(model, 'ball.drag')];
  let pressed = 0;
  for (const seed of [1, 2, 3]) {
    model.reset(seed, state, 0);
    for (let t = 0; t < 150; t++) {
      model.expert(state, 0, action, 0);
      const before = state.slice();
      const contacts = model.impacts!(state, 0, action, 0);
      assert.deepEqual(state, before, 'looking changes nothing');
      model.advance(state, action, 0, 1);
      const force = forceOn(contacts, 'ball');
      for (const k of [0, 1]) {
        const change = before[mass]! * (state[velocity + k]! - before[velocity + k]!);
        // The referee takes a stuck ball into the hand.
        if (state[velocity] === 0 && state[velocity + 1] === 0) continue;
        const most = before[mass]! * before[drag]! * model.controlDt + 1e-9;
        assert.ok(
          Math.abs(change - force[k]! * model.controlDt) <= most,
          `seed ${seed}, step ${t}: ${change} N s, pressed ${force[k]! * model.controlDt}`,
        );
      }
      if (Math.hypot(...force) > 0) pressed++;
      for (const { normal, force: size, point } of contacts) {
        assert.ok(size >= 0 && Math.abs(Math.hypot(...normal) - 1) < 1e-9);
        assert.ok(Math.abs(point[0]) < 3.5 && Math.abs(point[1]) < 2.1);
      }
    }
  }
  assert.ok(pressed > 10, `steps in which something pressed on the ball: ${pressed}`);
});

test('taggers that run into each other part with opposite momentum, where they met', () => {
  const model = made('tag', { taggers: 2, obstacles: 0 });
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  const [one, other, runner] = [at(model, 'tagger0.pos'), at(model, 'tagger1.pos'), at(model, 'runner0.pos')];
  state.set([-0.21, 0, 1.5, 0], one);
  state.set([0.21, 0, -1.5, 0], other);
  state.set([2.5, 2.5, 0, 0], runner);
  const [touch] = model.impacts!(state, 0, new Float64Array(2), 0).filter(
    ({ bodyA, bodyB }) => bodyA === 'tagger0' && bodyB === 'tagger1',
  );
  assert.ok(touch);
  assert.ok(touch.normal[0] > 0.99 && Math.abs(touch.point[0]) < 0.05, String([touch.normal, touch.point]));
  // Two discs of 1 kg or so at 3 m/s, restitution 0.3: j = 1.3 * 3 / 2 N s, over 0.1 s; their motors push a little.
  assert.ok(Math.abs(touch.force - 19.5) < 3, `${touch.force} N`);
});
