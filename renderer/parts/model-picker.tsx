/** Which reward models are drawn beside what was recorded: chosen once a task, scored by the lab, progress and a way to stop. */

import { ActionIcon, Button, MultiSelect, Popover, Text, Tooltip } from '@mantine/core';
import { useEffect, useMemo } from 'react';
import type { Model } from '../../lab/api.ts';
import { useJudge } from '../state/judge.ts';
import type { LoadedEpisode, Series } from '../state/opened.ts';
import { usePlayers } from '../state/players.ts';
import { askAgain, cancelScores, useScores, wantScores } from '../state/scores.ts';
import { setPicks, useTimeline } from '../state/timeline.ts';
import { ownRewards, picksOfPair } from '../timeline/pair.ts';
import { groupPick, keysOf, scoredSeries } from '../timeline/series.ts';
import { Icon } from './icons.tsx';

const none: readonly string[] = [];

/** Families of two or more stored models that differ only by seed and demonstrations. */
export function familiesOf(stored: readonly Model[], task: string): ReadonlyMap<string, readonly Model[]> {
  const families = Map.groupBy(
    stored.filter((model) => model.task === task),
    ({ family }) => family,
  );
  return new Map([...families].filter(([, models]) => models.length > 1));
}

const membersIn =
  (stored: readonly Model[]) =>
  (family: string): readonly string[] =>
    stored.filter((model) => model.family === family).map(({ id }) => String(id));

/** The curves of the chosen models on each of these episodes; asks the lab for what is missing. */
export function usePickedSeries(
  episodes: readonly LoadedEpisode[],
): (episode: LoadedEpisode) => readonly Series[] {
  const picks = useTimeline((state) => state.picks);
  const pair = useTimeline((state) => state.pair);
  const stored = useJudge((state) => state.stored);
  const scores = useScores((state) => state.scores);
  const ids = episodes.map(({ episode }) => `${episode.task}:${episode.id}`).join(' ');
  const picksOf = (loaded: LoadedEpisode): readonly string[] =>
    pair?.task === loaded.episode.task ? picksOfPair(pair, loaded) : (picks[loaded.episode.task] ?? none);
  // `ids` stands for the episodes, which are a new list each time.
  const wanted = useMemo(
    () =>
      episodes.map((loaded) => ({
        episode: loaded.episode.id,
        keys: keysOf(picksOf(loaded), membersIn(stored)),
      })),
    [ids, picks, pair, stored],
  );
  useEffect(() => wantScores(wanted), [wanted]);
  // `ids` stands for the episodes, which are a new list each time.
  const series = useMemo(
    () =>
      new Map(
        episodes.map((loaded) => [
          loaded.episode.id,
          [
            ...scoredSeries(picksOf(loaded), membersIn(stored), scores.get(loaded.episode.id) ?? new Map()),
            ...(pair?.task === loaded.episode.task ? ownRewards(pair, loaded) : []),
          ],
        ]),
      ),
    [ids, picks, pair, stored, scores],
  );
  return ({ episode }) => series.get(episode.id) ?? [];
}

export function ModelPicker() {
  const task = usePlayers((state) => {
    const name = [state.active, ...state.shown].find((one) => state[one].loaded !== null);
    return name ? state[name].loaded!.episode.task : null;
  });
  const chosen = useTimeline((state) => (task === null ? none : (state.picks[task] ?? none)));
  const atWork = useScores((state) => state.atWork);
  const stopped = useScores((state) => state.stopped);
  const label = chosen.length === 0 ? 'Models' : `Models (${chosen.length})`;
  return (
    <>
      <Popover position="top-end" width={380} shadow="md" withinPortal trapFocus returnFocus>
        <Popover.Target>
          <Button
            size="compact-xs"
            variant={chosen.length > 0 ? 'light' : 'default'}
            disabled={task === null}
            title="Reward models to draw beside what was recorded"
            data-testid="model-picker"
          >
            {label}
          </Button>
        </Popover.Target>
        <Popover.Dropdown aria-label="Reward models on the timeline">
          {task !== null && <Choice task={task} chosen={chosen} />}
        </Popover.Dropdown>
      </Popover>
      {atWork && (
        <span className="timeline-scoring" role="status" data-testid="scoring">
          scoring {Math.min(atWork.done + 1, atWork.total)} of {atWork.total}
          <Tooltip label="Stop scoring">
            <ActionIcon
              size="xs"
              variant="subtle"
              color="red"
              aria-label="Stop scoring"
              onClick={cancelScores}
            >
              <Icon name="stop" size={10} />
            </ActionIcon>
          </Tooltip>
        </span>
      )}
      {stopped && !atWork && (
        <Button size="compact-xs" variant="subtle" onClick={askAgain} data-testid="score-again">
          Scoring stopped: go on
        </Button>
      )}
    </>
  );
}

function Choice({ task, chosen }: { readonly task: string; readonly chosen: readonly string[] }) {
  const stored = useJudge((state) => state.stored);
  const problems = useScores((state) => state.problems);
  return (
    <>
      <MultiSelect
        size="xs"
        label={`Draw on every episode of ${task}`}
        description="Scored by the lab and kept; the choice is remembered for the task."
        placeholder={chosen.length === 0 ? 'Only what was recorded' : ''}
        data={modelChoices(stored, task, true)}
        value={[...chosen]}
        onChange={(value) => setPicks(task, value)}
        searchable
        clearable
        hidePickedOptions
        maxDropdownHeight={240}
        comboboxProps={{ withinPortal: false }}
        clearButtonProps={{ 'aria-label': 'Draw only what was recorded' }}
        data-autofocus
        data-testid="model-choice"
      />
      <Text size="xs" c="dimmed" mt={6}>
        Two or more models: the grey band lies between the lowest and the highest of them.
      </Text>
      {problems.map((problem) => (
        <Text key={problem} size="xs" c="var(--lab-bad)" mt={4} role="alert">
          {problem}
        </Text>
      ))}
    </>
  );
}

/** Options by group. */
export function modelChoices(stored: readonly Model[], task: string, withGroups: boolean) {
  const own = stored.filter((model) => model.task === task);
  const families = [...familiesOf(stored, task)];
  return [
    {
      group: 'Same settings, other seeds: mean and band',
      items: withGroups
        ? families.map(([family, models]) => ({
            value: groupPick(family),
            label: `${models[0]!.method}, ${models.length} models (${models.map(({ id }) => `#${id}`).join(' ')})`,
          }))
        : [],
    },
    {
      group: 'Stored models',
      items: own.map(({ id, method, seed, hash }) => ({
        value: String(id),
        label: `${method} #${id}, seed ${seed} (${hash.slice(0, 8)})`,
      })),
    },
    {
      group: 'Counter-baselines: know nothing of the task',
      items: [
        { value: 'time-ramp', label: 'time-ramp: the clock alone' },
        { value: 'constant', label: 'constant: 0.5 always' },
      ],
    },
  ].filter(({ items }) => items.length > 0);
}
