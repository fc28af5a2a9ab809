/** `verify`: replays stored episodes from seed and actions and compares every state. */

import { messageOf, UsageError } from '../errors.ts';
import type { Lab } from '../lab.ts';
import { pace } from '../pace.ts';
import { note, print, printJson } from './output.ts';

/** More are counted, not listed. */
const listed = 100;

/** `only` null means every episode. Returns the exit code. @throws UsageError when there is no such episode. */
export async function verify(
  lab: Lab,
  only: number | null,
  json: boolean,
  stopped: () => boolean,
): Promise<number> {
  const all = lab.store.episodes.ids();
  if (only !== null && !all.includes(only)) {
    throw new UsageError([`verify: there is no episode ${only} in this project`]);
  }
  const ids = only === null ? all : [only];
  const problems: { episode: number; driftStep: number | null; message: string }[] = [];
  const pause = pace();
  let steps = 0;
  let done = 0;
  let last = Date.now();
  for (const episode of ids) {
    if (stopped()) break;
    try {
      const { ok, driftStep, message } = lab.verify(episode);
      if (!ok) problems.push({ episode, driftStep, message });
    } catch (error) {
      problems.push({ episode, driftStep: null, message: `Episode ${episode}: ${messageOf(error)}` });
    }
    steps += lab.store.episodes.get(episode).length;
    done++;
    await pause();
    if (Date.now() - last < 2000) continue;
    last = Date.now();
    note(`verifying  ${done}/${ids.length} episodes`);
  }
  if (json) {
    printJson({ episodes: done, steps, drifted: problems.length, problems: problems.slice(0, listed) });
  } else {
    for (const { message } of problems.slice(0, listed)) print(message);
    if (problems.length > listed) print(`... and ${problems.length - listed} more`);
    print(
      `${done} episodes, ${steps} steps; ${problems.length === 0 ? 'every one replays exactly' : `${problems.length} do not replay exactly`}`,
    );
  }
  if (stopped()) return 130;
  return problems.length === 0 ? 0 : 1;
}
