/** All runs of the project, newest first: what each is doing, how well it does, and what it complains about. */

import { ActionIcon, Badge, Button, Group, Progress, Text, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import type { Run } from '../../lab/api.ts';
import { runCommand } from '../commands/index.ts';
import { lab } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { QueuePlace } from '../parts/queue-place.tsx';
import { runAgain } from '../state/again.ts';
import { runColour } from '../state/colours.ts';
import { grouped as groupedRuns } from '../state/family.ts';
import { useScheme } from '../state/hooks.ts';
import { messageOf } from '../state/message.ts';
import { drawnRuns, isActive, sortedRuns, toggleOverlay, useRuns } from '../state/runs.ts';
import { selectRun } from '../state/sync.ts';
import { grouped } from '../timeline/scale.ts';
import { EmptyHint } from './stage.tsx';

const statusColour: Readonly<Record<Run['status'], string>> = {
  queued: 'gray',
  running: 'blue',
  paused: 'yellow',
  done: 'teal',
  failed: 'red',
  crashed: 'red',
};

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

async function order(call: Promise<unknown>, what: string): Promise<void> {
  try {
    await call;
  } catch (error) {
    notifications.show({
      title: what,
      message: messageOf(error),
      color: 'red',
    });
  }
}

export function RunsPanel() {
  const runs = useRuns((state) => state.runs);
  const selected = useRuns((state) => state.selected);
  const family = useRuns((state) => state.family);
  const groups = groupedRuns(sortedRuns(runs), family.parents);
  const isBaseline = (run: Run): boolean => family.baselines.get(family.parents.get(run.id) ?? -1) === run.id;
  return (
    <div className="panel-column">
      <div className="list-bar">
        <Text size="xs" c="dimmed">
          {groups.length} {groups.length === 1 ? 'run' : 'runs'}
          {runs.size > groups.length && `, with ${runs.size - groups.length} parts`}
        </Text>
        <span className="grow" />
        <Button
          size="compact-xs"
          variant="light"
          leftSection={<Icon name="plus" size={10} />}
          onClick={() => runCommand('new-run')}
        >
          New run
        </Button>
      </div>
      <div className="grow-scroll run-list">
        {groups.length === 0 && <EmptyHint>No runs yet.</EmptyHint>}
        {groups.map(({ run, parts }) => (
          <section key={run.id} className="run-group" aria-label={`Run ${run.id}, ${run.name}`}>
            <RunRow run={run} isSelected={run.id === selected} />
            {parts.length > 0 && (
              <div className="run-parts">
                {parts.map((part) =>
                  isBaseline(part) ? (
                    <RunRow key={part.id} run={part} isSelected={part.id === selected} as="baseline" />
                  ) : (
                    <PartRow key={part.id} run={part} parent={run} isSelected={part.id === selected} />
                  ),
                )}
              </div>
            )}
          </section>
        ))}
      </div>
    </div>
  );
}

/** Demonstrations or a reward model that were made for a run: one line under it. */
function PartRow({
  run,
  parent,
  isSelected,
}: {
  readonly run: Run;
  readonly parent: Run;
  readonly isSelected: boolean;
}) {
  const name = run.name.startsWith(`${parent.name}: `) ? run.name.slice(parent.name.length + 2) : run.name;
  return (
    <>
      <button
        type="button"
        className="run-part"
        data-testid="run-part"
        data-run={run.id}
        data-selected={isSelected || undefined}
        aria-current={isSelected}
        title={run.name}
        onClick={() => void selectRun(run.id)}
      >
        <span className="truncate">{name}</span>
        <span className="dim mono">#{run.id}</span>
        <span className="grow" />
        <span className="dim nowrap">
          {run.episodes > 0 ? `${grouped(run.episodes)} episodes · ` : ''}
          {run.status}
        </span>
      </button>
      {run.error && (
        <Text size="xs" c="var(--lab-bad)" px={10} pb={4} lineClamp={3} title={run.error}>
          {run.error}
        </Text>
      )}
    </>
  );
}

function RunRow({
  run,
  isSelected,
  as,
}: {
  readonly run: Run;
  readonly isSelected: boolean;
  /** What it is to the run above it. */
  readonly as?: string;
}) {
  const scheme = useScheme();
  const isOverlaid = useRuns((state) => drawnRuns(state).includes(run.id));
  const isBusy = isActive(run);
  const part = run.total > 0 ? Math.min(1, run.done / run.total) : 0;
  const alert = run.alerts.at(-1);
  return (
    <article
      className="run-row"
      data-testid="run-row"
      data-run={run.id}
      data-selected={isSelected || undefined}
    >
      <button
        type="button"
        className="run-main"
        aria-current={isSelected}
        onClick={() => void selectRun(run.id)}
      >
        <span className="run-title">
          <span className="swatch" style={{ background: runColour(run.id, scheme) }} />
          <Text size="sm" fw={600} truncate component="span" title={run.name}>
            {run.name}
          </Text>
          <span className="dim mono">#{run.id}</span>
          <span className="grow" />
          <Badge
            size="xs"
            variant="light"
            radius="sm"
            className="no-caps no-shrink"
            color={statusColour[run.status]}
            data-testid={`run-status-${run.id}`}
          >
            {run.status}
          </Badge>
        </span>
        <span className="run-facts dim">
          {as ?? run.kind} · {run.task}
          {run.algorithm ? ` · ${run.algorithm}` : ''} · seed {run.seed} · {grouped(run.episodes)} episodes
        </span>
        {run.evaluation && <SuccessBar {...run.evaluation} />}
        {isBusy && (
          <span className="run-progress">
            <span className="run-facts">
              <span className="truncate">{run.phase}</span>
              <span className="grow" />
              <span className="mono dim nowrap">
                {grouped(run.done)} / {grouped(run.total)} {run.unit}
              </span>
            </span>
            <Progress
              value={part * 100}
              size="sm"
              radius="xl"
              aria-label={`Progress of run ${run.id}`}
              transitionDuration={200}
            />
            <span className="run-facts dim mono">
              {run.stepsPerSecond !== null && (
                <span>
                  {grouped(run.stepsPerSecond)} {run.unit}/s
                </span>
              )}
              <span className="grow" />
              {run.etaSeconds !== null && <span>{duration(run.etaSeconds)} left</span>}
            </span>
          </span>
        )}
      </button>
      {run.error && (
        <Text size="xs" c="var(--lab-bad)" px={10} pb={4} lineClamp={3} title={run.error}>
          {run.error}
        </Text>
      )}
      {alert && (
        <Tooltip label={run.alerts.map(({ message }) => message).join('\n')} multiline maw={360}>
          <div className="run-alert" data-level={alert.level}>
            <Icon name="warning" size={12} />
            <span className="truncate">{alert.message}</span>
            {run.alerts.length > 1 && <span className="dim nowrap">+{run.alerts.length - 1}</span>}
          </div>
        </Tooltip>
      )}
      <Group gap={4} className="run-actions" wrap="nowrap">
        {isBusy && (
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            leftSection={<Icon name="stop" size={10} />}
            data-testid={`stop-run-${run.id}`}
            onClick={() => void order(lab.runs.stop({ id: run.id }), 'The run could not be stopped')}
          >
            {run.status === 'queued' ? 'Remove' : 'Stop'}
          </Button>
        )}
        {run.status === 'queued' && <QueuePlace id={run.id} />}
        {(run.status === 'paused' || run.status === 'crashed') && (
          <Button
            size="compact-xs"
            variant="subtle"
            leftSection={<Icon name="play" size={10} />}
            data-testid={`resume-run-${run.id}`}
            onClick={() => void order(lab.runs.resume({ id: run.id }), 'The run could not be resumed')}
          >
            Resume
          </Button>
        )}
        {run.kind === 'train' && (
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            data-testid={`again-run-${run.id}`}
            onClick={() => void order(runAgain(run.id), 'The form could not be filled')}
          >
            Again…
          </Button>
        )}
      </Group>
      {!isSelected && (
        <Tooltip label={isOverlaid ? 'Take out of the curves' : 'Draw in the curves beside the selected run'}>
          <ActionIcon
            size="sm"
            className="run-overlay"
            variant={isOverlaid ? 'light' : 'subtle'}
            color={isOverlaid ? 'blue' : 'gray'}
            aria-pressed={isOverlaid}
            aria-label={`Draw run ${run.id} in the curves`}
            onClick={() => toggleOverlay(run.id)}
          >
            <Icon name="compare" size={12} />
          </ActionIcon>
        </Tooltip>
      )}
    </article>
  );
}

/** Success of the latest evaluation with its interval: a number alone says too much. */
function SuccessBar({
  success,
  interval,
  episodes,
}: {
  readonly success: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly episodes: number;
}) {
  const percent = (value: number): string => `${(100 * value).toFixed(0)}`;
  return (
    <span className="success-row">
      <span className="strong nowrap">{percent(success)} % success</span>
      <span
        className="success-bar"
        title={`95 % interval ${percent(interval.low)} to ${percent(interval.high)} % over ${episodes} episodes`}
      >
        <span
          className="success-interval"
          style={{ left: `${100 * interval.low}%`, width: `${100 * (interval.high - interval.low)}%` }}
        />
        <span className="success-point" style={{ left: `${100 * success}%` }} />
      </span>
      <span className="dim mono nowrap">
        {percent(interval.low)}–{percent(interval.high)} (n={episodes})
      </span>
    </span>
  );
}
