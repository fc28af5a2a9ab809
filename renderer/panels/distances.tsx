// biome-ignore-all lint/a11y/useSemanticElements: the points of a drawing cannot be <button>
/** How far rewards are from each other on the last evaluation of a task: a heat map, a map in the plane, a table. */

import { Anchor, Button, Group, SegmentedControl, Select, Table, Text } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import type { KeptEvaluationInfo } from '../../lab/api.ts';
import {
  type DistanceKind,
  measureOf,
  type PairMeasure,
  type RewardName,
  rewardMap,
  rewardsOf,
  unrelated,
} from '../state/distances.ts';
import { reasonOf, shownFigure } from '../state/evaluation.ts';
import { useScheme } from '../state/hooks.ts';
import { judgedTask, loadResult, openCard, useJudge } from '../state/judge.ts';
import { focusPanel, palette } from '../state/layout.ts';
import { usePlayers } from '../state/players.ts';
import { useRuns } from '../state/runs.ts';
import { showPair, useTimeline } from '../state/timeline.ts';
import { pairWords, type RewardPair, type TaskTerm } from '../timeline/pair.ts';
import { CommandLine } from './judge.tsx';
import { EmptyHint } from './stage.tsx';
import './distances.css';

type View = 'heat' | 'map' | 'table';
type Pair = readonly [a: string, b: string];

const noTerms: readonly TaskTerm[] = [];

const kindTitle: Readonly<Record<DistanceKind, string>> = { epic: 'EPIC', starc: 'STARC' };

export function DistancesPanel() {
  const catalog = useRuns((state) => state.catalog);
  const evaluated = useJudge((state) => state.evaluated);
  const chosen = useJudge(judgedTask);
  const task = chosen !== null && evaluated.includes(chosen) ? chosen : (evaluated[0] ?? null);
  const kept = useJudge((state) => (task === null ? null : (state.results.get(task) ?? null)));
  useEffect(() => {
    if (task !== null) void loadResult(task);
  }, [task]);
  if (task === null) {
    return (
      <div className="panel-column" data-testid="distances">
        <EmptyHint>
          Distances come with a judgement of rewards. No task was judged in this project yet.
        </EmptyHint>
        <Group justify="center">
          <Button size="xs" variant="light" onClick={() => focusPanel('judge')}>
            Judge rewards
          </Button>
        </Group>
      </div>
    );
  }
  return (
    <div className="panel-column" data-testid="distances">
      {kept === null ? (
        <EmptyHint>Reading the last evaluation…</EmptyHint>
      ) : (
        <Distances
          key={`${task}/${kept.at}`}
          kept={kept}
          tasks={evaluated.map((id) => ({
            value: id,
            label: catalog?.tasks.find((one) => one.id === id)?.title ?? id,
          }))}
        />
      )}
    </div>
  );
}

function Distances({
  kept: { at, evaluation },
  tasks,
}: {
  readonly kept: KeptEvaluationInfo;
  readonly tasks: readonly { readonly value: string; readonly label: string }[];
}) {
  const [kind, setKind] = useState<DistanceKind>('epic');
  const [view, setView] = useState<View>('heat');
  const [pair, setPair] = useState<Pair | null>(null);
  const rewards = useMemo(() => rewardsOf(evaluation), [evaluation]);
  const terms = useRuns(
    ({ catalog }) => catalog?.tasks.find(({ id }) => id === evaluation.task)?.rewardTerms ?? noTerms,
  );
  const pairOf = (keys: Pair): RewardPair | null => {
    const [a, b] = keys.map((key) => rewards.find((one) => one.key === key));
    return a && b ? { task: evaluation.task, sides: [a, b], terms } : null;
  };
  const choose = (next: Pair): void => {
    setPair(next);
    showPair(pairOf(next));
  };
  const protocol = evaluation.tables.find(({ id }) => id === 'distance')?.protocol ?? evaluation.protocol;
  return (
    <>
      <div className="distances-bar">
        <Select
          size="xs"
          aria-label="Task"
          data={[...tasks]}
          value={evaluation.task}
          allowDeselect={false}
          onChange={(value) => value && useJudge.setState({ task: value, chosen: [] })}
          data-testid="distances-task"
        />
        <SegmentedControl
          size="xs"
          aria-label="Kind of distance"
          value={kind}
          onChange={(value) => setKind(value as DistanceKind)}
          data={(['epic', 'starc'] as const).map((value) => ({ value, label: kindTitle[value] }))}
        />
        <SegmentedControl
          size="xs"
          aria-label="How to show them"
          value={view}
          onChange={(value) => setView(value as View)}
          data={[
            { value: 'heat', label: 'Heat map' },
            { value: 'map', label: 'Map' },
            { value: 'table', label: 'Table' },
          ]}
        />
        <span className="grow" />
        <Text size="xs" c="dimmed" className="nowrap">
          judged {new Date(at).toLocaleString('en-GB')}
        </Text>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard */}
      <section className="grow-scroll distances-body" tabIndex={0} aria-label="Reward distances">
        {view === 'heat' && (
          <HeatMap rewards={rewards} evaluation={evaluation} kind={kind} pair={pair} choose={choose} />
        )}
        {view === 'map' && (
          <PlaneMap rewards={rewards} evaluation={evaluation} kind={kind} pair={pair} choose={choose} />
        )}
        {view === 'table' && <PairTable evaluation={evaluation} choose={choose} />}
        {pair !== null && (
          <PairCard pair={pair} onTimeline={pairOf(pair)} rewards={rewards} evaluation={evaluation} />
        )}
        <p className="judge-note">
          0: the same up to scale and shaping. 0.71: unrelated. 1: the opposite. A distance holds on the
          transitions of this evaluation alone: on others, or once a policy goes where none of these episodes
          went, the same two rewards may be close or far apart.
        </p>
        <p className="judge-note">Protocol: {protocol}.</p>
        <CommandLine command={evaluation.command} />
        <Anchor component="button" type="button" size="xs" onClick={() => focusPanel('judge')} mt={4}>
          All measures of this evaluation, with the counter-baselines
        </Anchor>
      </section>
    </>
  );
}

interface ViewProps {
  readonly rewards: readonly RewardName[];
  readonly evaluation: KeptEvaluationInfo['evaluation'];
  readonly kind: DistanceKind;
  readonly pair: Pair | null;
  readonly choose: (pair: Pair) => void;
}

/** Blue where they are the same, nothing where they are unrelated, vermilion towards the opposite. */
function heat(value: number): string {
  const near = Math.max(0, 1 - value / unrelated);
  if (near > 0) return `color-mix(in srgb, var(--distance-near) ${Math.round(60 * near)}%, transparent)`;
  const far = Math.min(1, (value - unrelated) / (1 - unrelated));
  return `color-mix(in srgb, var(--distance-far) ${Math.round(60 * far)}%, transparent)`;
}

const rangeOf = ({ interval }: PairMeasure): string =>
  interval === null ? '' : `${shownFigure(interval.low)} to ${shownFigure(interval.high)}`;

const inWords = (measure: PairMeasure): string =>
  measure.value === null
    ? `not measurable: ${reasonOf(measure)}`
    : `${shownFigure(measure.value)}${measure.interval ? `, 95 % ${rangeOf(measure)}` : ''}`;

function HeatMap({ rewards, evaluation, kind, pair, choose }: ViewProps) {
  return (
    <div className="distances-scroll">
      <table className="heat" data-testid="heat">
        <thead>
          <tr>
            <td />
            {rewards.map(({ key, kind: what }) => (
              <th key={key} scope="col" data-kind={what}>
                <span>{key}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rewards.map((row, i) => (
            <tr key={row.key}>
              <th scope="row" data-kind={row.kind}>
                {row.key}
                {row.kind === 'baseline' && <span className="judge-wanted">counter-baseline</span>}
              </th>
              {rewards.map((column, j) => {
                const measure = measureOf(evaluation, kind, row.key, column.key);
                if (i === j || measure === null)
                  return (
                    <td key={column.key} className="heat-self">
                      {i === j ? '0' : '–'}
                    </td>
                  );
                const isChosen = pair !== null && [row.key, column.key].every((key) => pair.includes(key));
                return (
                  <td key={column.key}>
                    <button
                      type="button"
                      className="heat-cell"
                      data-chosen={isChosen || undefined}
                      data-none={measure.value === null || undefined}
                      style={measure.value === null ? undefined : { background: heat(measure.value) }}
                      aria-label={`${row.key} and ${column.key}: ${inWords(measure)}`}
                      aria-pressed={isChosen}
                      title={inWords(measure)}
                      onClick={() => choose([row.key, column.key])}
                    >
                      {measure.value === null ? '–' : shownFigure(measure.value)}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const mapWidth = 640;
const mapHeight = 380;

function PlaneMap({ rewards, evaluation, kind, pair, choose }: ViewProps) {
  const scheme = useScheme();
  const map = useMemo(() => rewardMap(evaluation, kind), [evaluation, kind]);
  const [first, setFirst] = useState<string | null>(null);
  if (map.keys.length < 2)
    return <EmptyHint>Fewer than two rewards have a distance to each other.</EmptyHint>;
  const all = [...map.points, ...map.spread.flat()];
  const reach = Math.max(0.05, ...all.map(([x]) => Math.abs(x)), ...all.map(([, y]) => Math.abs(y) * 1.5));
  const scale = (mapWidth / 2 - 90) / reach;
  const at = ([x, y]: readonly [number, number]): [number, number] => [
    mapWidth / 2 + x * scale,
    mapHeight / 2 - y * scale,
  ];
  // Names of points that lie close together are put under each other.
  const labels = new Map<number, number>();
  for (const i of [...map.points.keys()].sort((a, b) => at(map.points[a]!)[1] - at(map.points[b]!)[1])) {
    const [x, y] = at(map.points[i]!);
    const near = [...labels].filter(([k]) => Math.abs(at(map.points[k]!)[0] - x) < 120).map(([, top]) => top);
    labels.set(i, Math.max(y - 8, ...near.map((top) => top + 13)));
  }
  const unit = [0.05, 0.1, 0.2, 0.5].findLast((d) => d * scale < 180) ?? 0.05;
  const pick = (key: string): void => {
    if (first === null || first === key) return setFirst(key);
    choose([first, key]);
    setFirst(null);
  };
  return (
    <>
      <svg
        className="plane"
        viewBox={`0 0 ${mapWidth} ${mapHeight}`}
        role="group"
        aria-label={`Map of rewards by ${kindTitle[kind]}; the table has the numbers`}
        data-testid="plane"
      >
        {map.keys.map((key, i) => {
          const colour = palette.colour(`reward/${key}`, scheme);
          return map.spread[i]!.map((point, k) => {
            const [x, y] = at(point);
            return <circle key={`${key}/${k}`} cx={x} cy={y} r={1.6} fill={colour} opacity={0.28} />;
          });
        })}
        {map.keys.map((key, i) => {
          const reward = rewards.find((one) => one.key === key)!;
          const [x, y] = at(map.points[i]!);
          const isChosen = first === key || (pair?.includes(key) ?? false);
          const colour = palette.colour(`reward/${key}`, scheme);
          return (
            <g
              key={key}
              role="button"
              tabIndex={0}
              aria-label={`${key}, ${reward.title}${first === null ? '' : `: compare with ${first}`}`}
              aria-pressed={isChosen}
              className="plane-point"
              onClick={() => pick(key)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' && event.key !== ' ') return;
                event.preventDefault();
                event.stopPropagation();
                pick(key);
              }}
            >
              {reward.kind === 'task' ? (
                <rect x={x - 5} y={y - 5} width={10} height={10} fill={colour} />
              ) : (
                <circle
                  cx={x}
                  cy={y}
                  r={6}
                  fill={reward.kind === 'baseline' ? 'var(--lab-panel)' : colour}
                  stroke={colour}
                  strokeWidth={2}
                />
              )}
              {isChosen && (
                <circle cx={x} cy={y} r={11} fill="none" stroke="var(--lab-text)" strokeWidth={1.5} />
              )}
              <text
                x={x + (x > mapWidth * 0.75 ? -11 : 11)}
                y={labels.get(i)!}
                textAnchor={x > mapWidth * 0.75 ? 'end' : 'start'}
              >
                {key}
              </text>
            </g>
          );
        })}
        <g className="plane-unit">
          <line x1={16} x2={16 + unit * scale} y1={mapHeight - 16} y2={mapHeight - 16} />
          <text x={16} y={mapHeight - 24}>
            a distance of {unit}
          </text>
        </g>
      </svg>
      <p className="judge-note" data-testid="plane-stress">
        Classical scaling into the plane; stress {shownFigure(map.stress)}: the share of the distances that
        the plane cannot show
        {map.stress > 0.2 ? ', too much to read distances off it: use the heat map' : ''}. Axes have no
        meaning, neither has up or left. Squares: the task's own. Rings: counter-baselines. Small dots: 60
        draws of the distances from their intervals, each pair for itself, so a rough picture of how sure a
        place is. Choose two rewards to see their pair
        {first === null ? '.' : `; chosen: ${first}.`}
        {map.left.length > 0
          ? ` Not on the map, for want of a distance to all others: ${map.left.join(', ')}.`
          : ''}
      </p>
    </>
  );
}

function PairTable({
  evaluation,
  choose,
}: {
  readonly evaluation: KeptEvaluationInfo['evaluation'];
  readonly choose: (pair: Pair) => void;
}) {
  return (
    <div className="distances-scroll">
      <Table fz="xs" verticalSpacing={3} data-testid="pair-table">
        <Table.Thead>
          <Table.Tr>
            {['pair', 'EPIC', '95 %', 'STARC', '95 %', 'episodes'].map((title, i) => (
              <Table.Th key={i} scope="col">
                {title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {evaluation.distances.map(({ a, b, epic, starc }) => (
            <Table.Tr key={`${a}/${b}`}>
              <Table.Th scope="row">
                <Anchor component="button" type="button" size="xs" onClick={() => choose([a, b])}>
                  {a} and {b}
                </Anchor>
              </Table.Th>
              {[epic, starc].flatMap((measure, i) => [
                <Table.Td key={`value${i}`} title={measure.value === null ? reasonOf(measure) : undefined}>
                  {measure.value === null ? 'not measurable' : shownFigure(measure.value)}
                </Table.Td>,
                <Table.Td key={`interval${i}`}>{rangeOf(measure)}</Table.Td>,
              ])}
              <Table.Td>{epic.count}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** Both rewards, both distances, and the way to their cards. */
function PairCard({
  pair,
  onTimeline,
  rewards,
  evaluation,
}: {
  readonly pair: Pair;
  readonly onTimeline: RewardPair | null;
  readonly rewards: readonly RewardName[];
  readonly evaluation: KeptEvaluationInfo['evaluation'];
}) {
  const [a, b] = pair;
  return (
    <section className="pair-card" aria-label={`${a} and ${b}`} data-testid="pair-card">
      <div className="pair-sides">
        {pair.map((key) => {
          const reward = rewards.find((one) => one.key === key);
          const verdict = evaluation.verdicts.find(({ model }) => model === key);
          return (
            <div key={key}>
              <Text size="sm" fw={600}>
                {key}
              </Text>
              <Text size="xs" c="dimmed">
                {reward?.title}
                {verdict ? `; ${verdict.verdict}` : ''}
              </Text>
              {reward?.id != null && (
                <Anchor component="button" type="button" size="xs" onClick={() => void openCard(reward.id!)}>
                  card of model {reward.id}
                </Anchor>
              )}
            </div>
          );
        })}
      </div>
      {(['epic', 'starc'] as const).map((one) => {
        const measure = measureOf(evaluation, one, a, b);
        return measure === null ? null : (
          <Text key={one} size="sm">
            {kindTitle[one]} {inWords(measure)}, from {measure.count} episodes
          </Text>
        );
      })}
      {onTimeline && <OnTimeline pair={onTimeline} />}
    </section>
  );
}

/** The pair on the episode of the active player: what is drawn there, and the ways on and off. */
function OnTimeline({ pair }: { readonly pair: RewardPair }) {
  const episode = usePlayers((state) => state[state.active].loaded);
  const isShown = useTimeline(
    ({ pair: shown }) =>
      shown?.task === pair.task && shown.sides.every(({ key }, i) => key === pair.sides[i]!.key),
  );
  return (
    <>
      <Text size="sm" role="status" data-testid="pair-episode">
        {isShown
          ? pairWords(pair, episode)
          : 'Taken off the timeline: the models that were chosen are drawn again.'}
      </Text>
      <Group gap="xs" mt={6}>
        <Button
          size="compact-xs"
          variant="light"
          onClick={() => {
            showPair(pair);
            focusPanel('timeline');
          }}
        >
          Go to the timeline
        </Button>
        {isShown && (
          <Button size="compact-xs" variant="subtle" onClick={() => showPair(null)}>
            Take it off the timeline
          </Button>
        )}
      </Group>
    </>
  );
}
