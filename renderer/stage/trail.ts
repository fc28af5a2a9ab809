/** What a trail is coloured by: the values at each frame, and what the two ends of the colour bar mean. Pure. */

import type { LoadedEpisode } from '../state/opened.ts';

export interface TrailChoice {
  /** Name of a series, as in the timeline; `speed`, `plain`, or `auto`. */
  readonly id: string;
  readonly title: string;
}

export interface TrailValues {
  readonly title: string;
  /** One a frame; the reward of a step at the frame it leads out of, the last one twice. [T + 1] */
  readonly values: Float32Array;
  /** What the ends of the colours stand for; progress is always 0 .. 1. */
  readonly low: number;
  readonly high: number;
  readonly unit: string;
}

/** In the order of the menu. */
export function trailChoices(episode: LoadedEpisode): TrailChoice[] {
  return [
    { id: 'auto', title: episode.learned.length > 0 ? 'Learned progress' : 'True progress' },
    ...(episode.learned.length > 0 ? [{ id: 'progress/true', title: 'True progress' }] : []),
    ...episode.learned
      .slice(1)
      .map(({ key, title }) => ({ id: `progress/${key}`, title: `Learned: ${title}` })),
    ...(episode.total ? [{ id: 'reward/total', title: 'Reward, total' }] : []),
    ...episode.terms.map(({ id }) => ({ id: `reward/${id}`, title: `Reward: ${id}` })),
    ...(episode.value ? [{ id: 'value', title: 'Critic value' }] : []),
    { id: 'speed', title: 'Speed' },
    { id: 'plain', title: 'One colour' },
  ];
}

/** path: of what leaves the trail [T + 1, 3]. Null: in one colour, or by something that this episode has not. */
export function trailValues(episode: LoadedEpisode, choice: string, path: Float32Array): TrailValues | null {
  const { length, controlDt } = episode;
  const named = (id: string): string => trailChoices(episode).find((one) => one.id === id)?.title ?? id;
  const progress = (values: ArrayLike<number>, title: string): TrailValues => ({
    title,
    values: Float32Array.from(values),
    low: 0,
    high: 1,
    unit: '',
  });
  if (choice === 'auto')
    return progress(episode.learned[0]?.values ?? episode.trueProgress, named('auto').toLowerCase());
  if (choice === 'progress/true') return progress(episode.trueProgress, 'true progress');
  const learned = episode.learned.find(({ key }) => choice === `progress/${key}`);
  if (learned) return progress(learned.values, learned.title);
  if (choice === 'speed') {
    if (path.length < 3 * (length + 1) || length === 0) return null;
    return spread('speed', 'm/s', speedOf(path, length, controlDt), 0);
  }
  const steps =
    choice === 'reward/total'
      ? episode.total
      : choice === 'value'
        ? episode.value
        : episode.terms.find(({ id }) => choice === `reward/${id}`)?.product;
  if (!steps || steps.length === 0) return null;
  const values = new Float32Array(length + 1);
  for (let t = 0; t <= length; t++) values[t] = steps[Math.min(t, steps.length - 1)]!;
  const title = choice === 'value' ? 'critic value' : choice === 'reward/total' ? 'reward' : choice.slice(7);
  return spread(title, '', values);
}

/** Ends at the smallest and largest value; of values that are all alike a little to each side. */
function spread(title: string, unit: string, values: Float32Array, floor?: number): TrailValues {
  let low = floor ?? Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!Number.isFinite(high)) [low, high] = [0, 1];
  if (high - low < 1e-9) high = low + 1;
  return { title, values, low, high, unit };
}

/** Over the step that leads out of a frame, m/s. [T + 1] */
function speedOf(path: Float32Array, length: number, controlDt: number): Float32Array {
  const speed = new Float32Array(length + 1);
  for (let t = 0; t < length; t++) {
    const [a, b] = [t * 3, t * 3 + 3];
    speed[t] =
      Math.hypot(path[b]! - path[a]!, path[b + 1]! - path[a + 1]!, path[b + 2]! - path[a + 2]!) / controlDt;
  }
  speed[length] = speed[length - 1] ?? 0;
  return speed;
}

/** Where a value stands between the ends, 0..1. */
export const shareOf = ({ low, high }: TrailValues, value: number): number =>
  Number.isFinite(value) ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;

/** Points of the trail that are drawn at a frame: first and one past the last segment. */
export function trailRange(
  span: string,
  frame: number,
  length: number,
  controlDt: number,
): readonly [first: number, end: number] {
  const now = Math.min(length, Math.floor(frame));
  switch (span) {
    case 'none':
      return [0, 0];
    case 'all':
      return [0, length];
    case 'past':
      return [0, now];
    default:
      return [Math.max(0, now - Math.round(Number(span) / controlDt)), now];
  }
}
