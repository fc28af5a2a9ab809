/** The new-run form. Everything in it is drawn from the catalog: a new task, algorithm or reward appears by itself. */

import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  Collapse,
  Group,
  NumberInput,
  Popover,
  Select,
  Stack,
  Switch,
  Text,
  TextInput,
  Tooltip,
  UnstyledButton,
} from '@mantine/core';
import './new-run.css';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import type { Catalog, FieldInfo, Recipe } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { useAgain } from '../state/again.ts';
import {
  changed,
  checkDraft,
  type Difference,
  type Draft,
  type DraftReward,
  defaults,
  differencesOf,
  draftFromRecipe,
  emptyDraft,
  fieldsOf,
  type Problems,
  pathsOf,
  problemsFromRefusal,
  rangeText,
  recipeFromDraft,
  rewardLine,
  seedsFrom,
  settingsFor,
  tunedOf,
  type Value,
  type Values,
  withSetting,
} from '../state/draft.ts';
import { messageOf } from '../state/message.ts';
import {
  loadRecipes,
  recipeIdOf,
  recipeLabel,
  removeRecipe,
  renameRecipe,
  saveRecipe,
  useRecipes,
} from '../state/recipes.ts';
import { useRuns } from '../state/runs.ts';
import { showStarted } from '../state/sync.ts';
import { EmptyHint } from './stage.tsx';

type FieldTable = Readonly<Record<string, FieldInfo>>;

/** Before the id of a recipe that is kept in the project: it may be called like one of the lab's. */
const keptMark = 'saved/';

export function NewRunPanel() {
  const catalog = useRuns((state) => state.catalog);
  if (!catalog) return <EmptyHint>Asking the lab what there is to run…</EmptyHint>;
  return <NewRunForm catalog={catalog} />;
}

function NewRunForm({ catalog }: { readonly catalog: Catalog }) {
  const readOnly = useRuns((state) => state.info?.readOnly ?? false);
  const [recipeId, setRecipeId] = useState<string | null>(null);
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(catalog));
  const [refused, setRefused] = useState<Problems>({});
  const [filter, setFilter] = useState('');
  const [busy, setBusy] = useState(false);
  const [runs, setRuns] = useState<Value>(1);
  const saved = useRecipes((state) => state.saved);
  const wanted = useAgain((state) => state.wanted);
  const wrong = useMemo(() => checkDraft(catalog, draft), [catalog, draft]);
  const problems: Problems = { ...refused, ...wrong };
  const several = Number(runs);
  const isManyWrong = !Number.isInteger(several) || several < 1 || several > 100;
  const count = Object.keys(wrong).length + (isManyWrong ? 1 : 0);

  const change = (patch: Partial<Draft>): void => {
    setDraft((before) => ({ ...before, ...patch }));
    setRefused({});
  };

  async function pickRecipe(id: string | null): Promise<void> {
    setRecipeId(id);
    const kept = id?.startsWith(keptMark) ? saved.find((one) => `${keptMark}${one.id}` === id) : undefined;
    const entry = kept ?? catalog.recipes.find((recipe) => recipe.id === id);
    if (!entry) return;
    try {
      const answer = await lab.recipes.check({ yaml: entry.yaml });
      if (answer.ok) {
        setDraft((before) => draftFromRecipe(catalog, answer.recipe as Recipe, before.seed));
        setRefused({});
      } else setRefused({ '': `${entry.path}: ${answer.problems.join('; ')}` });
    } catch (error) {
      setRefused({ '': messageOf(error) });
    }
  }

  useEffect(() => {
    void loadRecipes().catch((error: unknown) => console.warn('Saved recipes:', error));
  }, []);

  // `Again` of a run: its configuration, whatever was in the form.
  useEffect(() => {
    if (!wanted) return;
    setRecipeId(null);
    setDraft(draftFromRecipe(catalog, wanted.recipe, wanted.seed));
    setRefused({});
    useAgain.setState({ wanted: null });
  }, [wanted, catalog]);

  // A recipe is a better start than a blank form; tasks are listed from easy to hard.
  useEffect(() => {
    const easy = new RegExp(`^task: *${catalog.tasks[0]?.id}\\s*$`, 'm');
    const first = catalog.recipes.find(({ yaml }) => easy.test(yaml)) ?? catalog.recipes[0];
    if (first && !wanted) void pickRecipe(first.id);
  }, []);

  async function start(): Promise<void> {
    setBusy(true);
    try {
      const recipe = recipeFromDraft(catalog, draft);
      if (several > 1) {
        const { ids } = await lab.runs.startSeeds({ recipe, seeds: seedsFrom(Number(draft.seed), several) });
        await showStarted(ids[0]!);
      } else await showStarted((await lab.runs.start({ recipe, seed: Number(draft.seed) })).id);
    } catch (error) {
      const refusal = error instanceof Error ? error : new Error(String(error));
      setRefused(problemsFromRefusal(pathsOf(catalog, draft), refusal));
    } finally {
      setBusy(false);
    }
  }

  const kept = saved.find(({ id }) => `${keptMark}${id}` === recipeId);
  const recipe = kept ?? catalog.recipes.find(({ id }) => id === recipeId);
  const tuned = tunedOf(catalog, draft.task, draft.algorithm);
  const task = catalog.tasks.find(({ id }) => id === draft.task);
  const algorithm = catalog.algorithms.find(({ id }) => id === draft.algorithm);
  return (
    <form
      className="panel-column"
      aria-label="New run"
      onSubmit={(event) => {
        event.preventDefault();
        if (count === 0 && !busy) void start();
      }}
    >
      <div className="grow-scroll panel-pad">
        <Stack gap="md">
          <Select
            size="sm"
            label="Recipe"
            description={recipe?.summary ?? 'Start from a recipe, or fill in the form from defaults'}
            placeholder="From defaults"
            data={[
              ...(saved.length === 0
                ? []
                : [
                    {
                      group: 'Saved in this project',
                      items: saved.map((one) => ({
                        value: `${keptMark}${one.id}`,
                        label: `${recipeLabel(one)}${one.problem === null ? '' : ' (cannot be used)'}`,
                      })),
                    },
                  ]),
              {
                group: 'With the lab',
                items: catalog.recipes.map(({ id, title }) => ({ value: id, label: title })),
              },
            ]}
            value={recipeId}
            onChange={(value) => void pickRecipe(value)}
            clearable
            data-testid="field-recipe"
          />
          <Group grow align="flex-start" gap="sm">
            <TextInput
              size="sm"
              label="Name"
              value={draft.name}
              onChange={(event) => change({ name: event.currentTarget.value })}
              error={problems['name']}
              data-testid="field-name"
            />
            <NumberInput
              size="sm"
              label="Seed"
              value={draft.seed as number | string}
              min={0}
              allowDecimal={false}
              clampBehavior="none"
              onChange={(value) => change({ seed: value })}
              error={problems['seed']}
              data-testid="field-seed"
            />
            <NumberInput
              size="sm"
              label="Seeds at once"
              value={runs as number | string}
              min={1}
              max={100}
              allowDecimal={false}
              clampBehavior="none"
              onChange={setRuns}
              error={isManyWrong ? 'Wanted a whole number from 1 to 100' : undefined}
              data-testid="field-seeds"
            />
          </Group>
          <Group grow align="flex-start" gap="sm">
            <Select
              size="sm"
              label="Task"
              description={task?.summary}
              data={catalog.tasks.map(({ id, title }) => ({ value: id, label: title }))}
              value={draft.task}
              allowDeselect={false}
              onChange={(value) =>
                value &&
                change({
                  task: value,
                  taskSettings: defaults(fieldsOf.task(catalog, value)),
                  algorithmSettings: settingsFor(catalog, value, draft.algorithm),
                })
              }
              error={problems['task']}
              data-testid="field-task"
            />
            <Select
              size="sm"
              label="Algorithm"
              description={algorithm?.summary}
              data={catalog.algorithms.map(({ id, title }) => ({ value: id, label: title }))}
              value={draft.algorithm}
              allowDeselect={false}
              onChange={(value) =>
                value &&
                change({ algorithm: value, algorithmSettings: settingsFor(catalog, draft.task, value) })
              }
              error={problems['algorithm']}
              data-testid="field-algorithm"
            />
          </Group>
          <Differences
            list={differencesOf(catalog, draft)}
            tuned={tuned}
            onReset={(path, value) => change(withSetting(draft, path, value))}
            onTuned={() => change({ algorithmSettings: settingsFor(catalog, draft.task, draft.algorithm) })}
          />
          <RewardStack
            catalog={catalog}
            lines={draft.reward}
            problems={problems}
            filter={filter}
            onChange={(reward) => change({ reward })}
          />
          <TextInput
            size="xs"
            aria-label="Find a setting"
            placeholder="Find a setting"
            leftSection={<Icon name="search" size={12} />}
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value)}
            data-testid="field-filter"
          />
          <FieldSection
            title="Experiment"
            prefix="experiment"
            initiallyOpen
            fields={catalog.experimentFields}
            values={draft.experiment}
            problems={problems}
            filter={filter}
            onChange={(experiment) => change({ experiment })}
          />
          <FieldSection
            title={`Task: ${task?.title ?? draft.task}`}
            prefix="taskSettings"
            fields={fieldsOf.task(catalog, draft.task)}
            values={draft.taskSettings}
            problems={problems}
            filter={filter}
            onChange={(taskSettings) => change({ taskSettings })}
          />
          <FieldSection
            title={`Algorithm: ${algorithm?.title ?? draft.algorithm}`}
            prefix="algorithmSettings"
            fields={fieldsOf.algorithm(catalog, draft.algorithm)}
            values={draft.algorithmSettings}
            problems={problems}
            filter={filter}
            onChange={(algorithmSettings) => change({ algorithmSettings })}
          />
        </Stack>
      </div>
      <div className="form-foot">
        {problems[''] && (
          <Alert color="red" p="xs" mb="xs" role="alert" data-testid="form-error">
            {problems['']}
          </Alert>
        )}
        <Group gap="sm" wrap="nowrap">
          <Button
            type="submit"
            loading={busy}
            disabled={readOnly || count > 0}
            className="no-shrink"
            leftSection={<Icon name="play" size={12} />}
            data-testid="start-run"
          >
            {several > 1 && !isManyWrong ? `Start ${several} runs` : 'Start'}
          </Button>
          <Text size="xs" c={count > 0 ? 'red' : 'dimmed'} aria-live="polite">
            {readOnly
              ? 'This project was opened read-only.'
              : count > 0
                ? Object.keys(wrong).length > 0
                  ? firstProblem(wrong)
                  : 'Seeds at once: wanted a whole number from 1 to 100'
                : 'Runs in the lab; this window may be closed meanwhile.'}
          </Text>
          <span className="grow" />
          <KeepRecipe
            key={recipeId}
            suggestion={kept?.id ?? recipeIdOf(draft.name)}
            kept={kept?.id ?? null}
            disabled={readOnly || count > 0}
            recipe={() => recipeFromDraft(catalog, draft)}
            onSaved={(id) => setRecipeId(`${keptMark}${id}`)}
            onRenamed={(id) => setRecipeId(`${keptMark}${id}`)}
            onRemoved={() => setRecipeId(null)}
          />
        </Group>
      </div>
    </form>
  );
}

/** What is not as usual, at a glance; each can be put back. */
function Differences({
  list,
  tuned,
  onReset,
  onTuned,
}: {
  readonly list: readonly Difference[];
  readonly tuned: Values | undefined;
  readonly onReset: (path: string, value: Value) => void;
  readonly onTuned: () => void;
}) {
  const isTuned = ({ path, value }: Difference): boolean =>
    path.startsWith('algorithmSettings.') && tuned?.[path.split('.')[1]!] === value;
  return (
    <section className="differences" aria-label="Differences from the defaults" data-testid="differences">
      <Group gap="xs" wrap="nowrap">
        <Text size="sm" fw={500}>
          Differences from the defaults
        </Text>
        <Text size="xs" c="dimmed">
          {list.length}
        </Text>
        <span className="grow" />
        {tuned && (
          <Button
            size="compact-xs"
            variant="subtle"
            className="no-shrink"
            onClick={onTuned}
            data-testid="tuned-settings"
          >
            Tuned settings
          </Button>
        )}
      </Group>
      {list.length === 0 ? (
        <Text size="xs" c="dimmed">
          None: every setting has its default.
        </Text>
      ) : (
        <ul>
          {list.map((one) => (
            <li key={one.path}>
              <span className="truncate" title={one.path}>
                {one.path.split('.').at(-1)}
              </span>
              <span className="mono nowrap">
                {String(one.value)} <span className="dim">not {String(one.usual)}</span>
                {isTuned(one) && <span className="dim">, tuned</span>}
              </span>
              <ActionIcon
                size="xs"
                variant="subtle"
                color="gray"
                aria-label={`Put ${one.path} back to ${String(one.usual)}`}
                onClick={() => onReset(one.path, one.usual)}
              >
                <Icon name="reset" size={10} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Saves what the form says as a recipe of the project, gives the chosen one another name, or takes it away. */
function KeepRecipe({
  suggestion,
  kept,
  disabled,
  recipe,
  onSaved,
  onRenamed,
  onRemoved,
}: {
  readonly suggestion: string;
  /** The saved recipe that was chosen. */
  readonly kept: string | null;
  readonly disabled: boolean;
  readonly recipe: () => Recipe;
  readonly onSaved: (id: string) => void;
  readonly onRenamed: (id: string) => void;
  readonly onRemoved: () => void;
}) {
  const [isOpen, setOpen] = useState(false);
  const [name, setName] = useState<string | null>(null);
  const [problem, setProblem] = useState('');
  const isKnown = useRecipes((state) => state.saved.some(({ id }) => id === recipeIdOf(name ?? suggestion)));
  const id = recipeIdOf(name ?? suggestion);
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      setOpen(false);
      setProblem('');
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const save = (): Promise<void> =>
    attempt(async () => {
      await saveRecipe(id, recipe(), isKnown);
      onSaved(id);
    });
  return (
    <Popover opened={isOpen} onChange={setOpen} position="top-end" withArrow trapFocus shadow="md">
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          className="no-shrink"
          disabled={disabled}
          onClick={() => setOpen(!isOpen)}
          data-testid="keep-recipe"
        >
          Save recipe…
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs" w={250}>
          <TextInput
            size="xs"
            label="Name of the recipe"
            description={`recipes/${id}.yaml in this project`}
            value={name ?? suggestion}
            onChange={(event) => setName(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return;
              // Not the form's: Enter there starts a run.
              event.preventDefault();
              if (id !== '') void save();
            }}
            error={problem === '' ? undefined : problem}
            data-autofocus
            data-testid="recipe-name"
          />
          <Group gap="xs">
            <Button
              size="compact-xs"
              disabled={id === ''}
              onClick={() => void save()}
              data-testid="save-recipe"
            >
              {isKnown ? 'Replace' : 'Save'}
            </Button>
            {kept !== null && id !== kept && !isKnown && id !== '' && (
              <Button
                size="compact-xs"
                variant="default"
                title={`The saved recipe ${kept} as it is; what was changed in the form is not saved`}
                data-testid="rename-recipe"
                onClick={() =>
                  void attempt(async () => {
                    await renameRecipe(kept, id);
                    onRenamed(id);
                  })
                }
              >
                Rename {kept}
              </Button>
            )}
            {kept !== null && (
              <Button
                size="compact-xs"
                variant="subtle"
                color="red"
                data-testid="remove-recipe"
                onClick={() =>
                  void attempt(async () => {
                    await removeRecipe(kept);
                    onRemoved();
                  })
                }
              >
                Remove {kept}
              </Button>
            )}
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** `2 fields need another value. clipCoef: 3 is outside 0 to 1` */
function firstProblem(wrong: Problems): string {
  const [path, problem] = Object.entries(wrong)[0] ?? ['', ''];
  const count = Object.keys(wrong).length;
  const lead = count === 1 ? '' : `${count} fields need another value. `;
  return `${lead}${path.split('.').at(-1)}: ${problem}`;
}

function RewardStack({
  catalog,
  lines,
  problems,
  filter,
  onChange,
}: {
  readonly catalog: Catalog;
  readonly lines: readonly DraftReward[];
  readonly problems: Problems;
  readonly filter: string;
  readonly onChange: (lines: readonly DraftReward[]) => void;
}) {
  const replace = (i: number, patch: Partial<DraftReward>): void =>
    onChange(lines.map((line, j) => (j === i ? { ...line, ...patch } : line)));
  return (
    <fieldset className="stack-box">
      <legend>
        <Text size="sm" fw={500} component="span">
          Reward stack
        </Text>
      </legend>
      <Stack gap="xs">
        {lines.map((line, i) => {
          const method = catalog.rewards.find(({ id }) => id === line.reward);
          const fields = fieldsOf.reward(catalog, line.reward);
          return (
            <div key={i} className="stack-line">
              <Group gap="xs" align="flex-start" wrap="nowrap">
                <Select
                  size="xs"
                  className="grow"
                  aria-label={`Reward ${i + 1}`}
                  data={catalog.rewards.map(({ id, title, causal }) => ({
                    value: id,
                    label: title,
                    disabled: !causal,
                  }))}
                  value={line.reward}
                  allowDeselect={false}
                  onChange={(value) => value && replace(i, { ...rewardLine(catalog, { reward: value }) })}
                  error={problems[`reward.${i}.reward`]}
                  data-testid={`field-reward-${i}`}
                />
                <Tooltip label="Take this reward out">
                  <ActionIcon
                    size={30}
                    variant="subtle"
                    color="gray"
                    aria-label={`Remove reward ${i + 1}`}
                    disabled={lines.length === 1}
                    onClick={() => onChange(lines.filter((_, j) => j !== i))}
                  >
                    <Icon name="close" size={12} />
                  </ActionIcon>
                </Tooltip>
              </Group>
              <Group gap="xs" align="flex-start" mt={6}>
                {method?.kind === 'learned' && (
                  <Select
                    size="xs"
                    w={124}
                    aria-label={`How reward ${i + 1} is used`}
                    data={[
                      { value: 'shaping', label: 'as shaping' },
                      { value: 'delta', label: 'as change' },
                      { value: 'best', label: 'as best so far' },
                      { value: 'level', label: 'as level' },
                    ]}
                    value={line.use}
                    allowDeselect={false}
                    onChange={(value) => value && replace(i, { use: value as DraftReward['use'] })}
                    data-testid={`field-use-${i}`}
                  />
                )}
                <NumberInput
                  size="xs"
                  w={92}
                  aria-label={`Weight of reward ${i + 1}`}
                  leftSection={<span className="dim">×</span>}
                  hideControls
                  clampBehavior="none"
                  value={line.weight as number | string}
                  onChange={(weight) => replace(i, { weight })}
                  error={problems[`reward.${i}.weight`]}
                  data-testid={`field-weight-${i}`}
                />
              </Group>
              {method && (
                <Text size="xs" c="dimmed" mt={4}>
                  {method.summary}
                  {method.source ? ` (${method.source})` : ''}
                </Text>
              )}
              {Object.keys(fields).length > 0 && (
                <FieldSection
                  title="Settings"
                  prefix={`reward.${i}.settings`}
                  fields={fields}
                  values={line.settings}
                  problems={problems}
                  filter={filter}
                  onChange={(settings) => replace(i, { settings })}
                />
              )}
            </div>
          );
        })}
        {problems['reward'] && (
          <Text size="xs" c="red">
            {problems['reward']}
          </Text>
        )}
        <Group>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<Icon name="plus" size={10} />}
            onClick={() => {
              const next = catalog.rewards.find(
                ({ id, causal }) => causal && !lines.some(({ reward }) => reward === id),
              );
              const id = next?.id ?? catalog.rewards[0]?.id;
              if (id) onChange([...lines, rewardLine(catalog, { reward: id })]);
            }}
            data-testid="add-reward"
          >
            Add a reward
          </Button>
        </Group>
      </Stack>
    </fieldset>
  );
}

function FieldSection({
  title,
  prefix,
  fields,
  values,
  problems,
  filter,
  initiallyOpen = false,
  onChange,
}: {
  readonly title: string;
  readonly prefix: string;
  readonly fields: FieldTable;
  readonly values: Values;
  readonly problems: Problems;
  readonly filter: string;
  readonly initiallyOpen?: boolean;
  readonly onChange: (values: Values) => void;
}) {
  const [isOpen, setOpen] = useState(initiallyOpen);
  const query = filter.trim().toLowerCase();
  const names = Object.keys(fields).filter(
    (name) => query === '' || `${name} ${fields[name]!.help}`.toLowerCase().includes(query),
  );
  const different = Object.keys(changed(fields, values)).length;
  const wrong = Object.keys(problems).filter((path) => path.startsWith(`${prefix}.`)).length;
  if (Object.keys(fields).length === 0 || (query !== '' && names.length === 0)) return null;
  const expanded = isOpen || query !== '' || wrong > 0;
  return (
    <section className="field-section">
      <UnstyledButton
        className="section-head"
        aria-expanded={expanded}
        data-testid={`section-${prefix}`}
        onClick={() => setOpen(!expanded)}
      >
        <span className="chevron" data-open={expanded || undefined}>
          <Icon name="chevron" size={11} />
        </span>
        <Text size="sm" fw={500} component="span" truncate>
          {title}
        </Text>
        <span className="grow" />
        {different > 0 && (
          <Badge size="xs" variant="light" radius="sm" className="no-caps">
            {different} changed
          </Badge>
        )}
        <Text size="xs" c="dimmed" component="span">
          {Object.keys(fields).length}
        </Text>
      </UnstyledButton>
      <Collapse expanded={expanded} transitionDuration={120} keepMounted={false}>
        <div className="field-grid">
          {names.map((name) => (
            <SettingField
              key={name}
              name={name}
              path={`${prefix}.${name}`}
              field={fields[name]!}
              value={values[name] ?? fields[name]!.default}
              problem={problems[`${prefix}.${name}`]}
              onChange={(value) => onChange({ ...values, [name]: value })}
            />
          ))}
        </div>
      </Collapse>
    </section>
  );
}

function SettingField({
  name,
  path,
  field,
  value,
  problem,
  onChange,
}: {
  readonly name: string;
  readonly path: string;
  readonly field: FieldInfo;
  readonly value: Value;
  readonly problem: string | undefined;
  readonly onChange: (value: Value) => void;
}) {
  const isChanged = value !== field.default;
  const range = rangeText(field);
  const label: ReactNode = (
    <span className="field-label">
      {isChanged && <span className="changed-dot" title="Differs from the default" />}
      <span className="truncate" title={name}>
        {name}
      </span>
    </span>
  );
  const description: ReactNode = (
    <>
      {range !== '' && <span className="range">{range}. </span>}
      {field.help}
    </>
  );
  const reset = isChanged ? (
    <Tooltip label={`Back to the default, ${String(field.default)}`}>
      <ActionIcon
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={`Reset ${name} to ${String(field.default)}`}
        data-testid={`reset-${name}`}
        onClick={() => onChange(field.default)}
      >
        <Icon name="reset" size={12} />
      </ActionIcon>
    </Tooltip>
  ) : undefined;
  const common = {
    size: 'xs',
    label,
    description,
    error: problem,
    'data-testid': `field-${name}`,
    'data-path': path,
  } as const;
  switch (field.type) {
    case 'boolean':
      return (
        <div className="switch-field">
          <Switch
            size="xs"
            label={label}
            description={description}
            error={problem}
            data-testid={`field-${name}`}
            data-path={path}
            checked={value === true}
            onChange={(event) => onChange(event.currentTarget.checked)}
          />
          {reset}
        </div>
      );
    case 'choice':
      return (
        <Select
          {...common}
          data={[...field.options]}
          value={String(value)}
          allowDeselect={false}
          onChange={(next) => next !== null && onChange(next)}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
        />
      );
    case 'text':
      return (
        <TextInput
          {...common}
          value={String(value ?? '')}
          {...(reset ? { rightSection: reset } : {})}
          onChange={(event) => onChange(event.currentTarget.value)}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
        />
      );
    default:
      return (
        <NumberInput
          {...common}
          value={value as number | string}
          allowDecimal={field.type === 'number'}
          // Out of range is said, not silently corrected.
          clampBehavior="none"
          hideControls
          {...(reset ? { rightSection: reset } : {})}
          onChange={onChange}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
        />
      );
  }
}
