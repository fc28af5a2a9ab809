/** Throw-away project folders, and experiments small enough for a test. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Recipe } from '../../lab/api.ts';

/** A folder that is gone after the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-test-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The whole chain in a few seconds: few demonstrations, few updates, few steps. It learns next to nothing. */
export function tinyRecipe(changes: Partial<Recipe> = {}): Recipe {
  return {
    name: 'tiny',
    task: 'reach',
    algorithm: 'ppo',
    algorithmSettings: {
      steps: 4096,
      worlds: 8,
      stepsPerWorld: 64,
      minibatch: 128,
      epochs: 2,
      hiddenSize: 16,
    },
    reward: [{ reward: 'sparse' }, { reward: 'sarm', use: 'shaping', weight: 5, settings: { updates: 60 } }],
    experiment: {
      demonstrations: 6,
      evaluationEpisodes: 10,
      shortEvaluationEpisodes: 4,
      evaluateEvery: 2048,
      checkpointEvery: 1024,
    },
    ...changes,
  };
}
