/** Which progress reward should be trusted on a task, and why: asks the lab for an evaluation and shows all of what it says. */

import {
  Alert,
  Anchor,
  Badge,
  Button,
  Code,
  CopyButton,
  Group,
  Modal,
  MultiSelect,
  NumberInput,
  Progress,
  Select,
  Stack,
  Table,
  Text,
} from '@mantine/core';
import { useEffect, useMemo } from 'react';
import type { Catalog, ModelCardInfo, RewardEvaluationInfo } from '../../lab/api.ts';
import { WideButton } from '../parts/wide-button.tsx';
import { WorkButton } from '../parts/work-button.tsx';
import {
  bestOf,
  formProblem,
  intervalText,
  type Measure,
  type RewardTable,
  reasonOf,
  reasonsOf,
  sentencesOf,
  shownFigure,
  wantedText,
} from '../state/evaluation.ts';
import {
  closeCard,
  judgedTask,
  loadResult,
  openCard,
  startJudging,
  stopJudging,
  useJudge,
} from '../state/judge.ts';
import { focusPanel } from '../state/layout.ts';
import { useRuns } from '../state/runs.ts';
import { duration } from './runs.tsx';
import { EmptyHint } from './stage.tsx';

type Verdict = RewardEvaluationInfo['verdicts'][number]['verdict'];
type JudgedModel = RewardEvaluationInfo['models'][number];

const verdictColour: Readonly<Record<Verdict, string>> = {
  trust: 'teal',
  'with care': 'yellow',
  'do not trust': 'red',
  'not measurable': 'gray',
  baseline: 'gray',
};

export function JudgePanel() {
  const catalog = useRuns((state) => state.catalog);
  const task = useJudge(judgedTask) ?? catalog?.tasks[0]?.id ?? '';
  const kept = useJudge((state) => state.results.get(task)) ?? null;
  useEffect(() => {
    if (task !== '') void loadResult(task);
  }, [task]);
  if (!catalog) return <EmptyHint>Asking the lab what there is to judge…</EmptyHint>;
  return (
    <div className="panel-column" data-testid="judge">
      <JudgeForm catalog={catalog} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard */}
      <section className="grow-scroll" tabIndex={0} aria-label="What the evaluation says">
        <Outcome />
        {kept === null ? <Hint /> : <Findings result={kept.evaluation} at={kept.at} catalog={catalog} />}
      </section>
    </div>
  );
}

function JudgeForm({ catalog }: { readonly catalog: Catalog }) {
  const { chosen, episodes, seed, stored, phase } = useJudge();
  const chosenTask = useJudge(judgedTask);
  const task = chosenTask ?? catalog.tasks[0]?.id ?? '';
  const learned = catalog.rewards.filter(({ kind }) => kind === 'learned');
  const ownModels = stored.filter((model) => model.task === task);
  const isRunning = phase === 'running';
  const problems = { episodes: formProblem('episodes', episodes), seed: formProblem('seed', seed) };
  const isWrong = problems.episodes !== undefined || problems.seed !== undefined;
  return (
    <form
      className="judge-form"
      aria-label="Judge rewards"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRunning) stopJudging();
        else if (!isWrong) void startJudging(task);
      }}
    >
      <div className="judge-fields">
        <Select
          size="xs"
          label="Task"
          className="judge-task"
          data={catalog.tasks.map(({ id, title }) => ({ value: id, label: title }))}
          value={task}
          allowDeselect={false}
          searchable
          disabled={isRunning}
          // A stored model belongs to its task.
          onChange={(value) =>
            value &&
            useJudge.setState({
              task: value,
              chosen: chosen.filter((word) => learned.some(({ id }) => id === word)),
            })
          }
          data-testid="judge-task"
        />
        <MultiSelect
          size="xs"
          label="Methods and stored models"
          className="judge-models"
          placeholder={chosen.length === 0 ? 'All of them' : ''}
          data={[
            {
              group: 'Stored models of this task',
              items: ownModels.map(({ id, method, hash }) => ({
                value: String(id),
                label: `${method} #${id} (${hash.slice(0, 8)})`,
              })),
            },
            {
              group: 'Methods, fitted now',
              items: learned.filter(({ baseline }) => !baseline).map(({ id }) => ({ value: id, label: id })),
            },
          ].filter(({ items }) => items.length > 0)}
          value={[...chosen]}
          onChange={(value) => useJudge.setState({ chosen: value })}
          searchable
          clearable
          hidePickedOptions
          disabled={isRunning}
          maxDropdownHeight={320}
          clearButtonProps={{ 'aria-label': 'Choose all again' }}
          data-testid="judge-models"
        />
        {(['episodes', 'seed'] as const).map((name) => (
          <NumberInput
            key={name}
            size="xs"
            w={92}
            label={name === 'episodes' ? 'Episodes' : 'Seed'}
            title={name === 'episodes' ? 'Judged episodes in each group' : 'Of everything'}
            allowDecimal={false}
            clampBehavior="none"
            value={name === 'episodes' ? episodes : seed}
            onChange={(value) => useJudge.setState({ [name]: value })}
            error={problems[name]}
            disabled={isRunning}
            data-testid={`judge-${name}`}
          />
        ))}
      </div>
      <Group gap="sm" wrap="nowrap">
        <WorkButton name="judge" title="Judge" icon="play" isRunning={isRunning} isHeld={isWrong} />
        {isRunning ? (
          <AtWork />
        ) : (
          <Text size="xs" c="dimmed" className="grow">
            Always beside them, as counter-baselines:{' '}
            {learned
              .filter(({ baseline }) => baseline)
              .map(({ id }) => id)
              .join(', ')}
            .
          </Text>
        )}
        <WideButton panel="judge" why="the tables are wide" />
      </Group>
    </form>
  );
}

function AtWork() {
  const progress = useJudge((state) => state.progress);
  const part = progress === null ? 0 : Math.min(1, progress.done / Math.max(1, progress.total));
  return (
    <div className="grow">
      <Text size="xs" role="status" truncate data-testid="judge-progress">
        {progress === null
          ? 'Asking the lab…'
          : `Part ${Math.min(progress.done + 1, progress.total)} of ${progress.total}: ${progress.part}`}
      </Text>
      <Progress value={100 * part} size="sm" radius="xl" mt={4} aria-label="Progress of the evaluation" />
    </div>
  );
}

function Hint() {
  return (
    <EmptyHint>
      All models are scored on the same episodes, on which none was fitted, and measured against what the
      simulator knows. It goes on in the lab; to close this window stops it.
    </EmptyHint>
  );
}

/** What became of the last start where it did not come to its end. */
function Outcome() {
  const error = useJudge((state) => state.error);
  const stopped = useJudge((state) => state.stopped);
  if (error !== null) {
    return (
      <Alert
        color="red"
        m="sm"
        p="xs"
        role="alert"
        title="The models could not be judged"
        data-testid="judge-error"
      >
        {error}
      </Alert>
    );
  }
  if (!stopped) return null;
  return (
    <Text size="sm" c="dimmed" role="status" p="sm" data-testid="judge-stopped">
      Stopped. An evaluation keeps nothing before its end, so it starts again from the beginning.
    </Text>
  );
}

function Findings({
  result,
  at,
  catalog,
}: {
  readonly result: RewardEvaluationInfo;
  readonly at: number;
  readonly catalog: Catalog;
}) {
  const title = catalog.tasks.find(({ id }) => id === result.task)?.title ?? result.task;
  const [first, ...others] = sentencesOf(result.answer);
  return (
    <div className="panel-pad" data-testid="judge-result">
      <Stack gap="lg">
        <section className="judge-answer" aria-label="The answer">
          <Text component="h2" size="xs" c="dimmed" fw={600}>
            Which reward to trust on {title}
          </Text>
          <Text size="sm" fw={600} mt={2}>
            {first}
          </Text>
          {others.map((sentence) => (
            <Text key={sentence} size="sm" mt={4}>
              {sentence}
            </Text>
          ))}
        </section>
        <Verdicts result={result} />
        {result.tables.map((table) => (
          <MeasureTable key={table.id} table={table} models={result.models} command={result.command} />
        ))}
        <section aria-label="How it was done">
          <Heading>How it was done</Heading>
          <Text size="xs">
            Reward Lab {result.version}, {result.task} version {result.taskVersion}, seed {result.seed},{' '}
            {duration(result.seconds)}, ended {new Date(at).toLocaleString('en-GB')}. {result.protocol}.
          </Text>
          {result.missing.map((line) => (
            <Text key={line} size="xs" mt={4}>
              Not there: {line}.
            </Text>
          ))}
        </section>
      </Stack>
    </div>
  );
}

const Heading = ({ children }: { readonly children: string }) => (
  <Text component="h3" size="sm" fw={600} mb={6}>
    {children}
  </Text>
);

function CardLink({ model }: { readonly model: JudgedModel }) {
  if (model.id === null) return null;
  const id = model.id;
  return (
    <Anchor
      component="button"
      type="button"
      size="xs"
      onClick={() => void openCard(id)}
      aria-label={`Card of model ${id}`}
      data-testid={`judge-card-${id}`}
    >
      card
    </Anchor>
  );
}

/** The models in the order of the verdict, counter-baselines in one line at the end. */
const order: readonly Verdict[] = ['trust', 'with care', 'do not trust', 'not measurable'];

function Verdicts({ result: { verdicts, models, tables } }: { readonly result: RewardEvaluationInfo }) {
  // Within a verdict as the answer has it: the nearest to true progress first.
  const rows = tables.find(({ id }) => id === 'distance')?.rows ?? [];
  const distance = (key: string): number =>
    rows.find(({ model }) => model === key)?.cells['epic/true progress']?.value ?? Number.MAX_VALUE;
  const sorted = order.flatMap((wanted) =>
    verdicts
      .filter(({ verdict }) => verdict === wanted)
      .sort((a, b) => distance(a.model) - distance(b.model)),
  );
  const baselines = verdicts.filter(({ verdict }) => verdict === 'baseline');
  const modelOf = new Map(models.map((model) => [model.key, model]));
  return (
    <section aria-label="Verdicts">
      <Heading>Verdicts</Heading>
      <ul className="judge-verdicts" data-testid="judge-verdicts">
        {sorted.map(({ model: key, verdict, why }) => {
          const model = modelOf.get(key);
          return (
            <li key={key}>
              <Group gap={8} wrap="nowrap">
                <Badge
                  size="sm"
                  radius="sm"
                  variant="light"
                  color={verdictColour[verdict]}
                  className="no-caps judge-badge"
                >
                  {verdict}
                </Badge>
                <Text size="sm" fw={600}>
                  {key}
                </Text>
                {model && (
                  <Text size="xs" c="dimmed" truncate>
                    {model.title}
                    {model.source === 'stored' ? ', stored' : ', fitted now'}
                  </Text>
                )}
                {model && <CardLink model={model} />}
              </Group>
              <p className="judge-why">{why.join('; ')}.</p>
            </li>
          );
        })}
      </ul>
      <Text size="xs" c="dimmed" mt={6}>
        Counter-baselines, which show what each measure is worth and are not to be trained on:{' '}
        {baselines.map(({ model }) => model).join(', ')}.
      </Text>
    </section>
  );
}

function MeasureTable({
  table,
  models,
  command,
}: {
  readonly table: RewardTable;
  readonly models: readonly JudgedModel[];
  readonly command: string;
}) {
  const { title, columns, rows, protocol } = table;
  const reasons = useMemo(() => reasonsOf(table), [table]);
  const best = useMemo(
    () => columns.map((column) => bestOf(table, column, models)),
    [table, columns, models],
  );
  const matched = columns.flatMap(({ title: name }, i) =>
    best[i]!.matchedBy.length === 0 ? [] : [`${name} (${best[i]!.matchedBy.join(', ')})`],
  );
  return (
    <div data-testid={`judge-table-${table.id}`}>
      <Group gap="sm" align="baseline">
        <Heading>{title}</Heading>
        {table.id === 'distance' && (
          <Anchor component="button" type="button" size="xs" onClick={() => focusPanel('distances')}>
            of all pairs, as a map
          </Anchor>
        )}
      </Group>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: as above */}
      <section className="judge-scroll" tabIndex={0} aria-label={`Table: ${title}`}>
        <Table className="judge-table" fz="xs" withRowBorders verticalSpacing={4} horizontalSpacing={10}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">model</Table.Th>
              {columns.map(({ id, title: name, better }) => (
                <Table.Th key={id} scope="col">
                  {name}
                  <span className="judge-wanted">{wantedText[better]}</span>
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(({ model: key, cells }) => {
              const model = models.find((one) => one.key === key);
              return (
                <Table.Tr key={key} data-baseline={model?.baseline || undefined}>
                  <Table.Th scope="row">
                    {key} {model && <CardLink model={model} />}
                    {model?.baseline && <span className="judge-wanted">counter-baseline</span>}
                    {model === undefined && <span className="judge-wanted">the task's own</span>}
                  </Table.Th>
                  {columns.map(({ id }, i) => (
                    <Table.Td key={id}>
                      <Cell measure={cells[id]} reasons={reasons} isBest={best[i]!.models.includes(key)} />
                    </Table.Td>
                  ))}
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </section>
      {matched.length > 0 && (
        <p className="judge-note">
          A counter-baseline does as well as the best or better in: {matched.join('; ')}. There the measure
          says nothing for the best.
        </p>
      )}
      {reasons.map((reason, i) => (
        <p key={reason} className="judge-note">
          [{i + 1}] not measurable: {reason}.
        </p>
      ))}
      <details className="judge-note">
        <summary>What the columns mean</summary>
        <Facts rows={columns.map(({ title: name, help }) => [name, `${help}.`])} />
      </details>
      <p className="judge-note">Protocol: {protocol}.</p>
      <CommandLine command={command} />
    </div>
  );
}

function Cell({
  measure,
  reasons,
  isBest,
}: {
  readonly measure: Measure | undefined;
  readonly reasons: readonly string[];
  readonly isBest: boolean;
}) {
  if (measure === undefined) return <span className="dim">–</span>;
  if (measure.value === null)
    return <span className="dim">not measurable [{reasons.indexOf(reasonOf(measure)) + 1}]</span>;
  return (
    <span title={`${measure.value}, from ${measure.count}`}>
      {isBest ? (
        <strong className="judge-best">
          {shownFigure(measure.value)} <span className="judge-mark">best</span>
        </strong>
      ) : (
        shownFigure(measure.value)
      )}
      <span className="judge-wanted">{intervalText(measure)}</span>
    </span>
  );
}

export function CommandLine({ command }: { readonly command: string }) {
  return (
    <Group gap={6} wrap="nowrap" align="flex-start" mt={4}>
      <Code className="judge-command">{command}</Code>
      <CopyButton value={command}>
        {({ copied, copy }) => (
          <Button
            size="compact-xs"
            variant="default"
            className="no-shrink"
            onClick={copy}
            aria-label="Copy the command"
          >
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}

/** Mounted once in the window: several panels open cards. */
export function CardDialog() {
  const card = useJudge((state) => state.card);
  return (
    <Modal
      opened={card !== null}
      onClose={closeCard}
      size="lg"
      title={card === null ? '' : `Card of model ${card.id}`}
    >
      {card?.error != null && (
        <Alert color="red" p="xs" role="alert">
          {card.error}
        </Alert>
      )}
      {card !== null && card.content === null && card.error === null && (
        <EmptyHint>Asking the lab…</EmptyHint>
      )}
      {card?.content && <ModelCard card={card.content} />}
    </Modal>
  );
}

function ModelCard({ card }: { readonly card: ModelCardInfo }) {
  const { data, fit, evaluation } = card;
  const used = card.usedBy.length === 0 ? 'no run' : card.usedBy.map((id) => `run ${id}`).join(', ');
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['method', `${card.title}, on ${card.task}${card.causal ? '' : '; looks ahead, offline only'}`],
    ['source', card.source],
    ['hash', `${card.hash}, ${card.bytes} bytes`],
    [
      'fitted',
      `${new Date(card.createdAt).toISOString()} by run ${fit.run}, seed ${fit.seed}, Reward Lab ${card.versions['rewardLab'] ?? 'unknown'}`,
    ],
    [
      'data',
      `run ${data.run} (${data.name}): ${data.demonstrations} demonstrations, ${data.succeeded} of them succeeded, ${data.failures} failures; hash ${data.hash}`,
    ],
    ['senses', card.senses.join(', ')],
    ['stages', card.stages.join(', ')],
    ...(card.learnedFrom === null ? [] : [['asked', card.learnedFrom] as const]),
    ['used by', used],
  ];
  return (
    <div data-testid="model-card">
      <Facts rows={facts} />
      <Heading>Settings</Heading>
      <Facts rows={Object.entries(card.settings).map(([name, value]) => [name, String(value)])} />
      <Heading>Measures of the fit</Heading>
      <Facts
        rows={Object.entries(fit.metrics).map(([name, value]) => [
          name,
          String(Number(value.toPrecision(4))),
        ])}
      />
      <Heading>Last evaluation</Heading>
      {evaluation === null ? (
        <Text size="sm">Not judged yet.</Text>
      ) : (
        <>
          <Text size="sm">
            {evaluation.verdict}, {new Date(evaluation.at).toISOString()}
          </Text>
          {evaluation.why.map((line) => (
            <Text key={line} size="xs" mt={2}>
              {line}
            </Text>
          ))}
          <CommandLine command={evaluation.command} />
        </>
      )}
    </div>
  );
}

function Facts({ rows }: { readonly rows: readonly (readonly [name: string, value: string])[] }) {
  return (
    <dl className="judge-facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
