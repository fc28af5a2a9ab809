import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Catalog } from '../../lab/api.ts';
import { recipeSchema } from '../../lab/api.ts';
import {
  checkDraft,
  checkValue,
  differencesOf,
  draftFromRecipe,
  emptyDraft,
  pathsOf,
  problemsFromRefusal,
  rangeText,
  recipeFromDraft,
  seedsFrom,
  withSetting,
} from '../../renderer/state/draft.ts';

const number = { type: 'number', default: 0.2, min: 0, max: 1, help: 'Clip.' } as const;
const catalog: Catalog = {
  tasks: [
    {
      id: 'push',
      title: 'Push',
      summary: '',
      version: 1,
      fields: {
        horizon: { type: 'integer', default: 100, min: 10, max: 1000, unit: 'steps', help: 'Length.' },
      },
      controlDt: 0.05,
      horizon: 100,
      observationNames: [],
      actionNames: [],
      substeps: 1,
      physicsDt: 0.05,
      stateDim: 2,
      stateBytes: 16,
      views: [],
      goals: null,
      agents: null,
      tabular: null,
      exploit: false,
      gymnasium: null,
      actionOptions: null,
      stages: [],
      rewardTerms: [],
    },
  ],
  rewards: [
    { id: 'sparse', kind: 'native', title: 'Sparse', summary: '', causal: true, fields: {} },
    {
      id: 'sarm',
      kind: 'learned',
      title: 'SARM',
      summary: '',
      causal: true,
      fields: { epochs: { type: 'integer', default: 30, min: 1, max: 500, help: 'Passes.' } },
    },
    { id: 'oracle', kind: 'learned', title: 'Looks ahead', summary: '', causal: false, fields: {} },
  ],
  algorithms: [{ id: 'ppo', title: 'PPO', summary: '', source: '', fields: { clipCoef: number } }],
  recipes: [],
  experimentFields: { totalSteps: { type: 'integer', default: 1000, min: 1, max: 1e6, help: 'Steps.' } },
};

const recipe = {
  name: 'push-progress',
  task: 'push',
  algorithm: 'ppo',
  algorithmSettings: { clipCoef: 0.1 },
  reward: [
    { reward: 'sparse', weight: 1 },
    { reward: 'sarm', use: 'shaping' as const, weight: 5, settings: { epochs: 7 } },
  ],
  experiment: { totalSteps: 5000 },
};

test('a recipe that went through the form comes out the same, and holds no defaults', () => {
  const draft = draftFromRecipe(catalog, recipe, 3);
  assert.equal(draft.taskSettings['horizon'], 100);
  assert.deepEqual(recipeFromDraft(catalog, draft), recipe);
  assert.deepEqual(recipeSchema.parse(recipeFromDraft(catalog, draft)), recipe);
});

test('self-play, which the form does not show, goes through it', () => {
  for (const selfPlay of [{}, { games: 50 }]) {
    const draft = draftFromRecipe(catalog, { ...recipe, selfPlay });
    assert.deepEqual(recipeFromDraft(catalog, draft), { ...recipe, selfPlay });
  }
});

test('what a line says beyond the form (model, gate, clip, schedule) goes through it', () => {
  const lines = [
    recipe.reward[0]!,
    {
      ...recipe.reward[1]!,
      model: 4,
      clip: [-1, 1],
      gate: { term: 'task/near', above: 0.5 },
      schedule: { from: 1, to: 0, steps: 1000 },
    },
  ];
  const draft = draftFromRecipe(catalog, { ...recipe, reward: lines });
  assert.deepEqual(recipeFromDraft(catalog, draft), { ...recipe, reward: lines });
});

test('a fresh form has nothing wrong with it', () => {
  assert.deepEqual(checkDraft(catalog, emptyDraft(catalog)), {});
});

test('values out of range, of the wrong kind or missing are named at their field', () => {
  const draft = draftFromRecipe(catalog, recipe);
  const problems = checkDraft(catalog, {
    ...draft,
    name: ' ',
    seed: 1.5,
    algorithmSettings: { clipCoef: 3 },
    experiment: { totalSteps: '' },
    reward: [{ ...draft.reward[1]!, weight: 'x', settings: { epochs: 0 } }],
  });
  assert.deepEqual(problems, {
    name: 'A run needs a name',
    'algorithmSettings.clipCoef': '3 is outside 0 to 1',
    'experiment.totalSteps': 'A number is missing here: 1 to 1e+6',
    'reward.0.weight': 'x is not a number',
    'reward.0.settings.epochs': '0 is outside 1 to 500',
    seed: '1.5 is not a whole number',
  });
});

test('a reward that looks ahead is refused before the lab has to', () => {
  const draft = draftFromRecipe(catalog, { ...recipe, reward: [{ reward: 'oracle' }] });
  assert.match(checkDraft(catalog, draft)['reward.0.reward'] ?? '', /looks ahead/);
});

test('both ends of a range are allowed, and infinities and NaN are not', () => {
  assert.deepEqual(
    [0, 1, -0.001, 1.001, Number.NaN, Number.POSITIVE_INFINITY].map(
      (value) => checkValue(number, value) === undefined,
    ),
    [true, true, false, false, false, false],
  );
  assert.equal(rangeText(catalog.tasks[0]!.fields['horizon']!), '10 to 1000 steps');
});

test('schema issues from the lab land at their field by path', () => {
  const paths = pathsOf(catalog, draftFromRecipe(catalog, recipe));
  const data = { issues: [{ path: ['recipe', 'reward', 1, 'weight'], message: 'Too big' }] };
  assert.deepEqual(problemsFromRefusal(paths, { message: 'Input validation failed', data }), {
    'reward.1.weight': 'Too big',
  });
});

test('a refusal in words lands at the field that it names, else above the form', () => {
  const paths = pathsOf(catalog, draftFromRecipe(catalog, recipe));
  assert.deepEqual(problemsFromRefusal(paths, { message: 'clipCoef: found 3, wanted 0 to 1' }), {
    'algorithmSettings.clipCoef': 'clipCoef: found 3, wanted 0 to 1',
  });
  assert.deepEqual(problemsFromRefusal(paths, { message: 'The disk is full' }), { '': 'The disk is full' });
});

test('what differs from the defaults is listed by its path, and put back one by one', () => {
  const draft = emptyDraft(catalog);
  assert.deepEqual(differencesOf(catalog, draft), []);
  const [name, field] = Object.entries(catalog.algorithms[0]!.fields).find(
    ([, { type }]) => type === 'number' || type === 'integer',
  )!;
  const usual = field.default as number;
  const path = `algorithmSettings.${name}`;
  const other = withSetting(draft, path, usual + 1);
  assert.deepEqual(differencesOf(catalog, other), [{ path, value: usual + 1, usual }]);
  assert.deepEqual(withSetting(other, path, usual), draft);
});

test('seeds at once follow each other', () => {
  assert.deepEqual(seedsFrom(3, 4), [3, 4, 5, 6]);
});
