import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listRecipes } from '../../lab/catalog.ts';
import { UsageError } from '../../lab/errors.ts';
import { applySets, parseRecipe, resolveExperiment, sparseBaseline } from '../../lab/experiment.ts';

const base = `
name: test
task: push
algorithm: ppo
reward:
  - reward: sparse
`;

/** The problems a recipe text has, as one string. */
function problemsOf(yaml: string, sets: readonly string[] = []): string {
  try {
    resolveExperiment(applySets(parseRecipe(yaml, 'test.yaml'), sets));
  } catch (error) {
    if (error instanceof UsageError) return error.problems.join('\n');
    throw error;
  }
  return 'none';
}

test('every recipe that comes with the lab is valid', () => {
  const recipes = listRecipes();
  assert.ok(recipes.length >= 2);
  for (const recipe of recipes) assert.equal(problemsOf(recipe.yaml), 'none', recipe.id);
});

test('a typo in a recipe is refused with the nearest known name', () => {
  assert.match(
    problemsOf(base.replace('algorithm:', 'algoritm:')),
    /unknown key "algoritm"; did you mean "algorithm"\?/,
  );
  assert.match(problemsOf(base.replace('push', 'psuh')), /unknown task "psuh"; did you mean "push"\?/);
  assert.match(
    problemsOf(base.replace('reward: sparse', 'reward: sprase')),
    /unknown reward "sprase"; did you mean "sparse"\?/,
  );
  assert.match(
    problemsOf(`${base}algorithmSettings: { leaningRate: 0.001 }`),
    /"leaningRate"; did you mean "learningRate"\?/,
  );
  assert.match(problemsOf(`${base}    wieght: 2`), /unknown key "wieght"; did you mean "weight"\?/);
});

test('a value out of range names the field, what was found and what was wanted', () => {
  assert.match(
    problemsOf(`${base}algorithmSettings: { gamma: 1.5 }`),
    /algorithmSettings\.gamma: found 1\.5, wanted a number from/,
  );
  assert.match(
    problemsOf(`${base}algorithmSettings: { worlds: many }`),
    /worlds: found "many", wanted a whole number/,
  );
  assert.match(
    problemsOf(`${base}experiment: { record: al }`),
    /record: found "al", wanted one of all, tenth, none; did you mean "all"/,
  );
  assert.match(problemsOf(`${base}experiment: { baseline: 1 }`), /baseline: found 1, wanted true or false/);
});

test('settings that cannot work together are refused before anything is collected', () => {
  const found = problemsOf(`${base}algorithmSettings: { minibatch: 512, worlds: 4, stepsPerWorld: 8 }`);
  assert.match(found, /algorithmSettings: PPO: minibatch is 512, wanted at most worlds x stepsPerWorld/);
});

test('all problems are reported at once', () => {
  const found = problemsOf(
    `${base}algorithmSettings: { gamma: 2, worlds: -1 }\nexperiment: { demonstrations: 0 }`,
  );
  assert.equal(found.split('\n').length, 3, found);
});

test('a native reward takes no use, and a line may not stand twice', () => {
  assert.match(problemsOf(`${base}    use: shaping`), /native reward enters as it is/);
  assert.match(problemsOf(`${base}  - reward: sparse`), /"sparse" is in the reward stack twice/);
});

test('text that is no YAML names line and column; an empty file says what was wanted', () => {
  assert.match(problemsOf('name: [1, 2\ntask: push'), /test\.yaml, line \d+, column \d+: no valid YAML/);
  assert.match(problemsOf(''), /^test\.yaml: recipe: found nothing, wanted a mapping with the keys name, /);
  assert.match(problemsOf('just words'), /recipe: found "just words", wanted a mapping/);
});

test('a recipe of the wrong shape says what was found and what was wanted', () => {
  const cases: [string, string][] = [
    [base.replace('name: test', 'name: ""'), 'name: found "", wanted at least 1 characters'],
    [base.replace('name: test', 'name: 42'), 'name: found 42, wanted text'],
    [base.replace('name: test', ''), 'name: found nothing, wanted text'],
    [`${base}    weight: 5000`, 'reward.0.weight: found 5000, wanted at most 1000'],
    [`${base}    weight: .nan`, 'reward.0.weight: found NaN, wanted a number'],
    [`${base}    model: -1`, 'reward.0.model: found -1, wanted more than 0'],
    [
      `${base}    use: shapin`,
      'reward.0.use: found "shapin", wanted one of shaping, delta, best, level; did you mean "shaping"?',
    ],
    [
      `${base}  - sarm`,
      'reward.1: found "sarm", wanted a mapping with the keys reward, use, weight, terminal, normalise, clip, product, gate, schedule, settings, model, gamma',
    ],
    [`${base}algorithmSettings: [1]`, 'algorithmSettings: found a list, wanted a mapping'],
    [
      `${base}algorithmSettings: { steps: 1e999 }`,
      'algorithmSettings.steps: found Infinity, wanted a number, true, false or text',
    ],
    [base.replace(/reward:.*/s, 'reward: []'), 'reward: found an empty list, wanted at least 1 entries'],
  ];
  for (const [yaml, wanted] of cases) assert.equal(problemsOf(yaml), `test.yaml: ${wanted}`);
});

test('a line keeps the rules it has and no others, and its gate may name any term of the stack', () => {
  const yaml = `${base}  - reward: dense
    weight: 0
  - reward: sarm
    use: best
    weight: 4
    normalise: true
    clip: [0, 2]
    product: [task/toGoal]
    gate: { term: task/success, below: 0.5 }
    schedule: { from: 1, to: 0, steps: 100000 }
    terminal: zero
`.replace('    terminal: zero\n', '');
  const [sparse, , sarm] = resolveExperiment(parseRecipe(yaml, 'test.yaml')).reward;
  assert.deepEqual(Object.keys(sparse!), ['reward', 'use', 'weight', 'settings', 'model', 'gamma']);
  assert.deepEqual(
    { ...sarm!, settings: {} },
    {
      reward: 'sarm',
      use: 'best',
      weight: 4,
      settings: {},
      model: null,
      gamma: null,
      normalise: true,
      clip: [0, 2],
      product: ['task/toGoal'],
      gate: { term: 'task/success', below: 0.5 },
      schedule: { from: 1, to: 0, steps: 100_000 },
    },
  );
});

test('cloning by learned progress wants a learned reward in the stack', () => {
  const yaml = `${base.replace('ppo', 'bc')}algorithmSettings: { weighting: ra-bc }`;
  assert.match(
    problemsOf(yaml),
    /bc weighs demonstrations by learned progress .* no learned reward; add one/,
  );
  assert.equal(problemsOf(yaml.replace('reward: sparse', 'reward: sarm')), 'none');
});

test('a rule that cannot be followed is refused with its line and key', () => {
  const sarm = (rule: string) => problemsOf(`${base}  - reward: sarm\n    ${rule}\n`);
  assert.match(
    sarm('gate: { term: task/toGoal, above: 0.5 }'),
    /^reward\[1\] \(sarm\)\.gate: found the term "task\/toGoal", wanted one of the stack: task\/success, shaping\/sarm/,
  );
  assert.match(
    sarm('gate: { term: task/success }'),
    /^reward\[1\] \(sarm\)\.gate: found neither above nor below/,
  );
  assert.match(
    sarm('gate: { term: task/success, abov: 1 }'),
    /reward\.1\.gate: unknown key "abov"; did you mean "above"\?/,
  );
  assert.match(sarm('clip: [1, 0]'), /^reward\[1\] \(sarm\)\.clip: found \[1, 0\], wanted \[low, high\]/);
  assert.match(sarm('clip: 1'), /reward\.1\.clip: found 1, wanted a list/);
  assert.match(
    sarm('terminal: keep\n    use: delta'),
    /^reward\[1\] \(sarm\)\.terminal: found keep with delta/,
  );
  assert.match(
    sarm('schedule: { from: 1, to: 0, steps: 0 }'),
    /reward\.1\.schedule\.steps: found 0, wanted more than 0/,
  );
});

test('--set finds the field by its name, by its group, and refuses the rest', () => {
  const recipe = parseRecipe(base, 'test.yaml');
  const set = (...sets: string[]) => resolveExperiment(applySets(recipe, sets));
  assert.equal(set('learningRate=0.001').algorithmSettings['learningRate'], 0.001);
  assert.equal(set('algorithm.gamma=0.9').algorithmSettings['gamma'], 0.9);
  assert.equal(set('experiment.baseline=true').experiment['baseline'], true);
  assert.equal(set('weight.sparse=2.5').reward[0]?.weight, 2.5);
  assert.match(problemsOf(base, ['learningrate=1']), /did you mean "learningRate"/);
  assert.match(problemsOf(base, ['learningRate=99']), /wanted a number from/);
  assert.match(problemsOf(base, ['learningRate=']), /found "", wanted a number/);
  assert.match(problemsOf(base, ['=3']), /wanted field=value/);
  assert.match(problemsOf(base, ['weight.sparse=x']), /wanted a number from -1000 to 1000/);
});

test('a resolved experiment has every default filled in and is frozen', () => {
  const experiment = resolveExperiment(parseRecipe(base, 'test.yaml'));
  assert.equal(experiment.experiment['evaluationEpisodes'], 100);
  assert.ok(Object.isFrozen(experiment) && Object.isFrozen(experiment.algorithmSettings));
});

test('the baseline is the same experiment on the sparse reward alone', () => {
  const yaml = `${base}  - reward: sarm\n    weight: 5`;
  const experiment = resolveExperiment(parseRecipe(yaml, 'test.yaml'));
  const baseline = sparseBaseline(experiment);
  assert.deepEqual(
    baseline.reward.map((line) => [line.reward, line.weight]),
    [['sparse', 1]],
  );
  assert.deepEqual(baseline.algorithmSettings, experiment.algorithmSettings);
  assert.deepEqual(baseline.taskSettings, experiment.taskSettings);
});
