/** What may be asked of the state probe: states that an episode could have, places along an axis, grids of states. */

import type { TaskModel } from '../sim/env.ts';
import type { ProbeRange } from './api/probe.ts';
import { messageOf, UsageError } from './errors.ts';
import { elementName, stateProblem } from './landscape.ts';

/** As `stateProblem`; also what the task itself refuses: numbers that choose among things that are not there. */
export function problemOf(model: TaskModel, states: Float64Array, o: number): string | null {
  const problem = stateProblem(model, states, o);
  if (problem !== null) return problem;
  const row = states.slice(o, o + model.stateDim);
  const poses = new Float32Array(model.bodies.length * 7);
  try {
    model.poses(row, 0, poses, 0);
    model.observe(row, 0, new Float64Array(model.observationSpace.dim), 0);
    model.progress(row, 0);
    model.advance(row, new Float64Array(model.actionSpace.dim), 0, 1);
  } catch (error) {
    return `no episode has such numbers (${messageOf(error)})`;
  }
  return poses.every(Number.isFinite) ? null : 'no episode has such numbers (its bodies are nowhere)';
}

/** Units of numbers that may have any value; others choose among things or count them, and not every number is one. */
const measures: readonly string[] = ['m', 'rad', 'm/s', 'rad/s', 'share', 'kg', '', 'x, y, z, w', 'cos, sin'];

/** How the rows of a sweep or a field are looked at, for the elements that differ in them. */
export function checkFor({ stateLayout }: TaskModel, elements: readonly number[]): typeof problemOf {
  const units = elements.map(
    (element) =>
      stateLayout.find(({ offset, size }) => element >= offset && element < offset + size)?.unit ?? '',
  );
  return units.every((unit) => measures.includes(unit)) ? stateProblem : problemOf;
}

/** @throws UsageError on a row of another size, or one that no episode can have. */
export function wantState(model: TaskModel, given: readonly (number | null)[]): Float64Array {
  if (given.length !== model.stateDim)
    throw new UsageError([`State of ${model.id}: found ${given.length} numbers, wanted ${model.stateDim}`]);
  const state = Float64Array.from(given, (value) => value ?? Number.NaN);
  const problem = problemOf(model, state, 0);
  if (problem !== null) throw new UsageError([`State of ${model.id}: ${problem}`]);
  return state;
}

export function placesOf(
  model: TaskModel,
  { element, from, to, count }: ProbeRange,
  what: string,
): Float64Array {
  if (element >= model.stateDim)
    throw new UsageError([`${what}: found element ${element}, wanted 0 to ${model.stateDim - 1}`]);
  const name = elementName(model.stateLayout, element);
  if (!Number.isFinite(from) || !Number.isFinite(to) || from === to)
    throw new UsageError([`${what}: ${name} from ${from} to ${to}, wanted two different finite numbers`]);
  return Float64Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

/** The state at every point of a grid, the first axis fastest. [.., stateDim] */
export function spread(
  model: TaskModel,
  state: Float64Array,
  axes: readonly { readonly element: number; readonly places: Float64Array }[],
): Float64Array {
  const count = axes.reduce((product, { places }) => product * places.length, 1);
  const out = new Float64Array(count * model.stateDim);
  for (let n = 0; n < count; n++) {
    const o = n * model.stateDim;
    out.set(state, o);
    let rest = n;
    for (const { element, places } of axes) {
      out[o + element] = places[rest % places.length]!;
      rest = Math.floor(rest / places.length);
    }
  }
  return out;
}
