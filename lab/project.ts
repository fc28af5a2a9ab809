/** Where a project lives when nobody says so. */

import { resolve } from 'node:path';
import envPaths from 'env-paths';

/** `--project`, else REWARD_LAB_PROJECT, else a folder of the user's, the same for window and command line. */
export function projectDirectory(given: string | undefined): string {
  return resolve(
    given ?? (process.env['REWARD_LAB_PROJECT'] || `${envPaths('reward-lab', { suffix: '' }).data}/default`),
  );
}
