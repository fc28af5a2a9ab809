/** The moments at which reward models differ most, over many episodes: choose, search, walk through them. */

import './disagreement.css';
import { Alert, Button, Group, MultiSelect, NumberInput, Progress, Select, Text } from '@mantine/core';
import { type KeyboardEvent, memo, useEffect, useMemo, useRef } from 'react';
import type { Disagreement, Model, Normalisation, ScorerRef } from '../../lab/api.ts';
import type { PackedArray } from '../../lab/pack.ts';
import { familiesOf, modelChoices } from '../parts/model-picker.tsx';
import { WorkButton } from '../parts/work-button.tsx';
import {
  type DisagreementForm,
  goToMoment,
  type Moment,
  startSearch,
  stepMoment,
  stopSearch,
  useDisagreement,
} from '../state/disagreement.ts';
import { useScheme } from '../state/hooks.ts';
import { useJudge } from '../state/judge.ts';
import { focusPanel, palette } from '../state/layout.ts';
import { usePlayers } from '../state/players.ts';
import { sortedRuns, useRuns } from '../state/runs.ts';
import { short } from '../timeline/scale.ts';
import { keysOf } from '../timeline/series.ts';
import { EmptyHint } from './stage.tsx';

/** What a difference is said to be, by what was done to the scores before. */
const meanings: Readonly<
  Record<Normalisation, { readonly title: string; readonly brief: string; readonly help: string }>
> = {
  rank: {
    title: 'Rank',
    brief: '0.4 apart: 40 % of all frames searched lie between.',
    help: 'Each score is replaced by the share of the model’s own scores below it, over all frames searched: 0.4 apart means that the models place the frame 40 % of all frames apart. Only their order counts.',
  },
  z: {
    title: 'z-score',
    brief: 'In standard deviations of each model’s own scores.',
    help: 'Each score minus the model’s mean, in its standard deviations, over all frames searched.',
  },
  none: {
    title: 'As given',
    brief: 'Progress as the models give it.',
    help: 'Progress as the models give it, in [0, 1].',
  },
};

const kinds = ['demonstration', 'failure', 'random', 'training', 'evaluation'] as const;

const set = (patch: Partial<DisagreementForm>): void => useDisagreement.setState(patch);

export function DisagreementPanel() {
  const stored = useJudge((state) => state.stored);
  const openTask = usePlayers((state) => {
    const name = [state.active, ...state.shown].find((one) => state[one].loaded !== null);
    return name ? state[name].loaded!.episode.task : null;
  });
  const chosenTask = useDisagreement((state) => state.task);
  const result = useDisagreement((state) => state.result);
  const task = chosenTask ?? openTask ?? stored.at(-1)?.task ?? null;
  if (task === null && stored.length === 0) {
    return (
      <EmptyHint>
        Two reward models of one task are compared here on many episodes. There is none yet: a run with a
        learned reward fits one, or the command line: lab fit --from RUN --method sarm --seed 1.
      </EmptyHint>
    );
  }
  return (
    <div className="panel-column" data-testid="disagreement">
      <Form task={task ?? ''} stored={stored} />
      <Outcome />
      {result && <Moments result={result} />}
    </div>
  );
}

/** Models that the form stands for: all stored ones of the task where none is chosen. */
function modelsMeant(models: readonly string[], stored: readonly Model[], task: string): ScorerRef[] {
  const own = stored.filter((model) => model.task === task);
  if (models.length === 0) return own.slice(-16).map(({ id }) => id);
  const members = (family: string): string[] =>
    own.filter((model) => model.family === family).map(({ id }) => String(id));
  return keysOf(models, members).map((key) =>
    /^\d+$/.test(key) ? Number(key) : (key as 'constant' | 'time-ramp'),
  );
}

function Form({ task, stored }: { readonly task: string; readonly stored: readonly Model[] }) {
  const { models, runs, kind, success, newest, normalise, phase } = useDisagreement();
  const allRuns = useRuns((state) => state.runs);
  const isRunning = phase === 'running';
  const tasks = [...new Set([task, ...stored.map((model) => model.task)])].filter(Boolean);
  const meant = modelsMeant(models, stored, task);
  const isNewestFine = Number.isInteger(Number(newest)) && Number(newest) >= 1 && Number(newest) <= 2000;
  const families = familiesOf(stored, task);
  return (
    <form
      className="disagreement-form"
      aria-label="Where reward models differ"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRunning) stopSearch();
        else if (meant.length > 1 && isNewestFine) void startSearch(task, meant);
      }}
    >
      <div className="disagreement-fields">
        <Select
          size="xs"
          label="Task"
          data={tasks}
          value={task}
          allowDeselect={false}
          disabled={isRunning}
          // Models and runs belong to their task.
          onChange={(value) => value && set({ task: value, models: [], runs: [] })}
          data-testid="disagreement-task"
        />
        <Select
          size="xs"
          label="Compare by"
          title={meanings[normalise].help}
          data={Object.entries(meanings).map(([value, { title }]) => ({ value, label: title }))}
          value={normalise}
          allowDeselect={false}
          disabled={isRunning}
          onChange={(value) => value && set({ normalise: value as Normalisation })}
          data-testid="disagreement-normalise"
        />
      </div>
      <MultiSelect
        size="xs"
        label="Models"
        placeholder={models.length === 0 ? `All ${meant.length} stored ones` : ''}
        data={modelChoices(stored, task, families.size > 0)}
        value={[...models]}
        onChange={(value) => set({ models: value })}
        searchable
        clearable
        hidePickedOptions
        disabled={isRunning}
        clearButtonProps={{ 'aria-label': 'All stored models again' }}
        data-testid="disagreement-models"
      />
      <details>
        <summary className="disagreement-summary" data-testid="disagreement-episodes">
          Episodes: newest {newest}
          {kind ? ` of kind ${kind}` : ''}
          {success ? `, success ${success}` : ''}
          {runs.length > 0 ? `, of ${runs.length === 1 ? `run ${runs[0]}` : `${runs.length} runs`}` : ''}
        </summary>
        <MultiSelect
          size="xs"
          label="Episodes of runs"
          placeholder={runs.length === 0 ? 'All runs of the task' : ''}
          data={sortedRuns(allRuns)
            .filter((run) => run.task === task && run.episodes > 0)
            .map((run) => ({ value: String(run.id), label: `#${run.id} ${run.name} (${run.episodes})` }))}
          value={[...runs]}
          onChange={(value) => set({ runs: value })}
          searchable
          hidePickedOptions
          disabled={isRunning}
          data-testid="disagreement-runs"
        />
        <div className="disagreement-fields">
          <Select
            size="xs"
            label="Kind"
            placeholder="Any"
            data={[...kinds]}
            value={kind}
            clearable
            clearButtonProps={{ 'aria-label': 'Any kind' }}
            disabled={isRunning}
            onChange={(value) => set({ kind: value as DisagreementForm['kind'] })}
          />
          <Select
            size="xs"
            label="True success"
            placeholder="Either"
            data={['yes', 'no']}
            value={success}
            clearable
            clearButtonProps={{ 'aria-label': 'Either' }}
            disabled={isRunning}
            onChange={(value) => set({ success: value as DisagreementForm['success'] })}
          />
          <NumberInput
            size="xs"
            label="Newest"
            title="So many episodes, the newest first"
            allowDecimal={false}
            clampBehavior="none"
            value={newest}
            onChange={(value) => set({ newest: value })}
            error={isNewestFine ? undefined : 'Wanted 1 to 2000'}
            disabled={isRunning}
            data-testid="disagreement-newest"
          />
        </div>
      </details>
      {meant.length < 2 && <TooFew task={task} count={meant.length} />}
      <Group gap="sm" wrap="nowrap">
        <WorkButton
          name="disagreement"
          title="Search"
          icon="search"
          isRunning={isRunning}
          isHeld={meant.length < 2 || !isNewestFine}
        />
        {isRunning ? (
          <AtWork />
        ) : (
          <Text size="xs" c="dimmed" className="grow">
            {meant.length > 1 ? `${meant.length} models. ${meanings[normalise].brief}` : ''}
          </Text>
        )}
      </Group>
    </form>
  );
}

function TooFew({ task, count }: { readonly task: string; readonly count: number }) {
  return (
    <Alert color="yellow" p="xs" data-testid="disagreement-too-few">
      <Text size="xs">
        {count === 0
          ? `No reward model of ${task} is stored`
          : `Only one reward model of ${task} is chosen or stored`}
        ; two are needed to differ. More come from another run with a learned reward, or from{' '}
        <code>lab fit --from RUN --method sarm --seed 2</code> on the demonstrations of a run. A
        counter-baseline (time-ramp) can be the second one.
      </Text>
      <Button size="compact-xs" variant="light" mt={6} onClick={() => focusPanel('new-run')}>
        New run
      </Button>
    </Alert>
  );
}

function AtWork() {
  const progress = useDisagreement((state) => state.progress);
  const part = progress === null ? 0 : progress.done / Math.max(1, progress.total);
  return (
    <div className="grow">
      <Text size="xs" role="status" truncate data-testid="disagreement-progress">
        {progress === null ? 'Asking the lab…' : `Episode ${progress.done} of ${progress.total}`}
      </Text>
      <Progress value={100 * part} size="sm" radius="xl" mt={4} aria-label="Progress of the search" />
    </div>
  );
}

/** What became of the last search where it did not come to its end. */
function Outcome() {
  const error = useDisagreement((state) => state.error);
  const stopped = useDisagreement((state) => state.stopped);
  const result = useDisagreement((state) => state.result);
  if (error !== null)
    return (
      <Alert
        color="red"
        m="sm"
        p="xs"
        role="alert"
        title="The search failed"
        data-testid="disagreement-error"
      >
        {error}
      </Alert>
    );
  if (stopped)
    return (
      <div className="disagreement-note" role="status">
        Stopped. Scores worked out by then are kept, so the next search is quicker.
      </div>
    );
  if (result) return null;
  return (
    <EmptyHint>
      Finds the frames at which the models differ most, and puts the truth beside each: where one of them is
      wrong, or where nobody showed them what to think.
    </EmptyHint>
  );
}

function Moments({ result }: { readonly result: Disagreement }) {
  const at = useDisagreement((state) => state.at);
  const curves = useDisagreement((state) => state.curves);
  const list = useRef<HTMLDivElement>(null);
  const { moments, models, episodes, frames, left, normalise, apart } = result;
  useEffect(() => {
    if (at !== null) list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const direction = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (direction !== 0) stepMoment(direction);
    else if (event.key === 'Enter') void goToMoment(at ?? 0);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div className="disagreement-note" role="status" data-testid="disagreement-summary">
        {moments.length === 0
          ? `The ${models.length} models differ nowhere in ${episodes} episodes.`
          : `${moments.length} moments of ${episodes} episodes (${frames} frames), by ${meanings[normalise].title.toLowerCase()}, at least ${apart} s apart.`}
        {left.length > 0 && ` ${left.length} episodes could not be scored: ${left[0]!.why}.`}
        <Keys result={result} />
      </div>
      {moments.length > 0 && (
        <div
          ref={list}
          className="disagreement-list"
          role="listbox"
          tabIndex={0}
          aria-label="Moments at which the models differ most; arrows walk, Enter opens"
          aria-activedescendant={at === null ? undefined : `disagreement-${at}`}
          onKeyDown={onKeyDown}
          data-testid="disagreement-list"
        >
          {moments.map((moment, place) => (
            <MomentRow
              key={`${moment.episode}-${moment.frame}`}
              moment={moment}
              place={place}
              isOpen={place === at}
              result={result}
              curves={curves}
            />
          ))}
        </div>
      )}
    </>
  );
}

const colourName = (key: string): string => `progress/model/${key}`;

function Keys({ result }: { readonly result: Disagreement }) {
  const scheme = useScheme();
  return (
    <div className="disagreement-keys">
      {result.models.map(({ key, title, seed }) => (
        <span key={key}>
          <span className="swatch" style={{ background: palette.colour(colourName(key), scheme) }} />
          {title}
          {seed === null ? '' : `, seed ${seed}`}
        </span>
      ))}
      <span>
        <span className="swatch" style={{ background: palette.colour('progress/true', scheme) }} />
        true progress
      </span>
    </div>
  );
}

interface RowProps {
  readonly moment: Moment;
  readonly place: number;
  readonly isOpen: boolean;
  readonly result: Disagreement;
  readonly curves: Readonly<Record<string, PackedArray>>;
}

const MomentRow = memo(function MomentRow({ moment, place, isOpen, result, curves }: RowProps) {
  const scores = result.models.map(({ title }, m) => `${title} ${short(moment.scores[m])}`).join(', ');
  const told = `episode ${moment.episode} of ${moment.runName}, step ${moment.frame}, ${moment.stage}: difference ${short(moment.difference)}; ${scores}; true progress ${short(moment.trueProgress)}`;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list box has the keys
    <div
      id={`disagreement-${place}`}
      role="option"
      tabIndex={-1}
      className="disagreement-moment"
      aria-selected={isOpen}
      title={told}
      data-episode={moment.episode}
      data-frame={moment.frame}
      onClick={() => void goToMoment(place)}
    >
      <span className="disagreement-place mono">{place + 1}</span>
      <span className="disagreement-what">
        <span>
          <b className="mono">{short(moment.difference)}</b> · episode {moment.episode}, step {moment.frame}
        </span>
        <span className="dim">
          {moment.stage} · true {short(moment.trueProgress)}
          {moment.succeeded ? ' · success' : ''} · {moment.kind}
          <span className="sr-only">; {scores}</span>
        </span>
      </span>
      <MiniCurve moment={moment} keys={result.models.map(({ key }) => key)} curves={curves} />
    </div>
  );
});

const mini = { width: 96, height: 32 };

/** All of the episode: each model's progress, the true one, and where the moment is. */
function MiniCurve({
  moment,
  keys,
  curves,
}: {
  readonly moment: Moment;
  readonly keys: readonly string[];
  readonly curves: Readonly<Record<string, PackedArray>>;
}) {
  const scheme = useScheme();
  const frames = curves[`${moment.episode}/frames`];
  const lines = useMemo(() => {
    if (!frames) return [];
    const last = Math.max(1, frames.at(-1)!);
    const pathOf = (values: PackedArray | undefined): string =>
      Array.from(values ?? [], (value, i) => {
        const x = (frames[i]! / last) * mini.width;
        const y = mini.height - 2 - Math.min(1, Math.max(0, value)) * (mini.height - 4);
        return `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
      }).join('');
    return [
      { name: 'progress/true', d: pathOf(curves[`${moment.episode}/true`]) },
      ...keys.map((key) => ({ name: colourName(key), d: pathOf(curves[`${moment.episode}/${key}`]) })),
    ];
  }, [frames, curves, moment.episode, keys]);
  if (!frames) return null;
  const x = (moment.frame / Math.max(1, frames.at(-1)!)) * mini.width;
  return (
    <svg
      width={mini.width}
      height={mini.height}
      viewBox={`0 0 ${mini.width} ${mini.height}`}
      aria-hidden="true"
    >
      <line x1={x} x2={x} y1={0} y2={mini.height} stroke="var(--lab-text)" strokeWidth="1" opacity="0.7" />
      {lines.map(({ name, d }) => (
        <path
          key={name}
          d={d}
          fill="none"
          stroke={palette.colour(name, scheme)}
          strokeWidth={1.3}
          strokeDasharray={name === 'progress/true' ? '2 2' : undefined}
        />
      ))}
    </svg>
  );
}
