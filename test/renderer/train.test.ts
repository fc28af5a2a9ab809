/** Starting runs from the form and changing their weights while they train, in a real browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tinyRecipe } from '../support/project.ts';
import { barriers, openWindow } from '../support/window.ts';

const long = tinyRecipe({
  name: 'steered',
  algorithmSettings: { ...tinyRecipe().algorithmSettings, steps: 100_000_000 },
  reward: [{ reward: 'sparse' }, { reward: 'dense', weight: 2 }],
  experiment: {
    ...tinyRecipe().experiment,
    record: 'none',
    evaluateEvery: 100_000_000,
    checkpointEvery: 1_000_000,
  },
});

test('weights are changed while a run trains, taken back, and marked on its curves', {
  timeout: 400_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'train' });
  // Training, drawing and the test share the cores.
  page.setDefaultTimeout(60_000);
  const { id } = lab.start(long, 0);
  await page.goto(url);
  await page
    .getByRole('tab', { name: 'Weights' })
    .or(page.getByText('Weights', { exact: true }))
    .first()
    .click();
  const weight = page.getByTestId('weight-1');
  await weight.waitFor();
  await page.waitForFunction(
    () => !document.querySelector<HTMLInputElement>('[data-testid="weight-1"]')?.disabled,
  );
  assert.equal(await weight.inputValue(), '2');
  await weight.fill('5');
  await page.getByTestId('apply-weights').click();
  const changes = page.getByTestId('weight-changes');
  await changes.waitFor();
  assert.match((await changes.textContent()) ?? '', /w1[\d,]+dense2 to 5/);
  await page.getByText('Changes', { exact: true }).click();
  await page.keyboard.press('Control+z');
  await changes.getByText('5 to 2').waitFor();
  assert.deepEqual(
    lab.store.weightChanges.of(id).map(({ line, weight: to }) => [line, to]),
    [
      [1, 5],
      [1, 2],
    ],
  );
  // Pictures when the cores are free again.
  lab.stop(id);
  await lab.finished(id);
  await page.getByText('this one is paused').waitFor();
  await picture('weights-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.locator('html[data-mantine-color-scheme="light"]').waitFor();
  assert.deepEqual(await barriers(page), []);
  await picture('weights-light');
  await page.getByText('Curves', { exact: true }).first().click();
  await page.getByTestId('curves').locator('canvas').first().waitFor();
  await picture('curves-marked');
  assert.deepEqual(mistakes, []);
});

test('a run is started again from its own configuration, as several seeds; a recipe is kept, renamed, removed and brought back', {
  timeout: 400_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'train' });
  page.setDefaultTimeout(60_000);
  const { id } = lab.start(tinyRecipe({ ...long, algorithmSettings: tinyRecipe().algorithmSettings! }), 7);
  await lab.finished(id);
  await page.goto(url);
  await page
    .getByRole('tab', { name: 'Runs' })
    .or(page.getByText('Runs', { exact: true }))
    .first()
    .click();
  await page.getByTestId(`again-run-${id}`).click();
  await page.getByTestId('field-name').waitFor();
  await page.waitForFunction(
    () => document.querySelector<HTMLInputElement>('[data-testid="field-name"]')?.value === 'steered',
  );
  assert.equal(await page.getByTestId('field-seed').inputValue(), '7');
  assert.match((await page.getByTestId('differences').textContent()) ?? '', /hiddenSize.*16/);
  await picture('again-dark');

  await page.getByTestId('keep-recipe').click();
  await page.getByTestId('recipe-name').fill('Steered, again');
  await picture('save-recipe');
  await page.getByTestId('save-recipe').click();
  await page.getByTestId('recipe-name').waitFor({ state: 'hidden' });
  const kept = async (): Promise<string[]> =>
    (await import('../../lab/saved-recipes.ts')).savedRecipes(lab.store).map((one) => one.id);
  assert.deepEqual(await kept(), ['steered-again']);
  await page.getByTestId('keep-recipe').click();
  assert.equal(await page.getByTestId('rename-recipe').count(), 0, 'it has this name');
  await page.getByTestId('recipe-name').fill('Steered twice');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByTestId('rename-recipe').waitFor();
  await picture('rename-recipe-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByTestId('rename-recipe').click();
  await page.getByTestId('recipe-name').waitFor({ state: 'hidden' });
  assert.deepEqual(await kept(), ['steered-twice']);
  assert.equal(await page.getByTestId('field-recipe').inputValue(), 'steered-twice: steered');
  await page.getByText('Differences from the defaults').click();
  for (const [keys, name] of [
    ['Control+z', 'steered-again'],
    ['Control+Shift+z', 'steered-twice'],
  ] as const) {
    await page.keyboard.press(keys);
    while ((await kept())[0] !== name) await page.waitForTimeout(50);
  }
  await page.waitForFunction(
    () =>
      document.querySelector<HTMLInputElement>('[data-testid="field-recipe"]')?.value ===
      'steered-twice: steered',
  );
  await page.getByTestId('keep-recipe').click();
  await page.getByTestId('remove-recipe').click();
  await page.getByTestId('recipe-name').waitFor({ state: 'hidden' });
  assert.deepEqual(await kept(), []);
  await page.getByText('Differences from the defaults').click();
  await page.keyboard.press('Control+z');
  while ((await kept()).length === 0) await page.waitForTimeout(50);

  await page.getByTestId('field-seeds').fill('4');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForTimeout(300);
  await picture('again-light');
  assert.deepEqual(await barriers(page), []);
  // Longer than the rest of the visit, so that the last one is still waiting when it is moved.
  await page.getByTestId('section-algorithmSettings').click();
  await page.locator('[data-path="algorithmSettings.steps"]').fill('100000000');
  await page.getByTestId('start-run').click();
  await page.locator('[data-testid^="queue-place-"]').first().waitFor();
  await picture('queue-light');
  const [, ...group] = lab.runs().filter(({ kind }) => kind === 'train');
  assert.deepEqual(
    group.map(({ seed, group: mark }) => [seed, mark?.id]),
    [7, 8, 9, 10].map((seed) => [seed, 'g1']),
  );
  const last = group.at(-1)!.id;
  await page.getByRole('button', { name: `Run ${last} earlier` }).click();
  while (lab.queue.waiting[0] !== last && lab.queue.waiting.includes(last)) await page.waitForTimeout(30);
  for (const run of group) lab.stop(run.id);
  assert.deepEqual(mistakes, []);
});
