/** Training curves: one small chart a metric, live. Single runs, groups of seeds with their intervals, or truth beside proxy. */

import {
  ActionIcon,
  Group,
  Menu,
  MultiSelect,
  SegmentedControl,
  Select,
  Slider,
  Switch,
  Text,
} from '@mantine/core';
import { type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import type { GroupCurves, LearnedProxy, TruthBesideProxy } from '../../lab/api.ts';
import { type PackedArray, unpack } from '../../lab/pack.ts';
import { lab, useConnection } from '../lab.ts';
import { Chart } from '../parts/chart.tsx';
import { Icon } from '../parts/icons.tsx';
import { MetricName } from '../parts/metric-name.tsx';
import { WeightChanges } from '../parts/weight-changes.tsx';
import {
  type ChartMark,
  type ChartSeries,
  csvOf,
  extentOf,
  normalised,
  partingText,
} from '../state/charts.ts';
import { runColour, sideColour } from '../state/colours.ts';
import { type CurveMode, useCurveView } from '../state/curve-view.ts';
import { defaultMetrics, smooth } from '../state/curves.ts';
import { useScheme } from '../state/hooks.ts';
import { palette, useView } from '../state/layout.ts';
import { messageOf } from '../state/message.ts';
import { useMetrics } from '../state/run-metrics.ts';
import { runsOfSide, sidesOf, sideTitle } from '../state/run-rows.ts';
import { loadPinned, useRunTable } from '../state/run-table.ts';
import { drawnRuns, toggleOverlay, useRuns } from '../state/runs.ts';
import { useWeightChanges } from '../state/weight-changes.ts';
import { grouped, short } from '../timeline/scale.ts';
import { duration } from './runs.tsx';
import { EmptyHint } from './stage.tsx';
import './curves.css';

/** What is on screen as it was measured, for a file. */
type Drawn = RefObject<readonly { readonly title: string; readonly series: readonly ChartSeries[] }[]>;

const modes: readonly { readonly value: CurveMode; readonly label: string }[] = [
  { value: 'runs', label: 'Runs' },
  { value: 'groups', label: 'Groups' },
  { value: 'truth', label: 'Truth beside proxy' },
];

export function CurvesPanel() {
  const mode = useCurveView((state) => state.mode);
  const isEmpty = useRuns((state) => state.runs.size === 0);
  const drawn: Drawn = useRef([]);
  if (isEmpty) return <EmptyHint>Select a run to see its training curves.</EmptyHint>;
  return (
    <div className="panel-column" data-testid="curves">
      <div className="curves-bar">
        <SegmentedControl
          size="xs"
          aria-label="What the curves are of"
          data={[...modes]}
          value={mode}
          onChange={(value) => useCurveView.setState({ mode: value as CurveMode, zoom: null })}
        />
        <span className="grow" />
        <ViewMenu drawn={drawn} />
      </div>
      {mode === 'runs' ? (
        <RunCurves drawn={drawn} />
      ) : mode === 'groups' ? (
        <GroupedCurves drawn={drawn} />
      ) : (
        <TruthAndProxy drawn={drawn} />
      )}
    </div>
  );
}

/** Axis, scale, zoom, file. */
function ViewMenu({ drawn }: { readonly drawn: Drawn }) {
  const { x, isLog, zoom, mode, isTable } = useCurveView();
  const tick = (is: boolean) => (is ? <Icon name="check" size={11} /> : <span className="curves-tick" />);
  return (
    <Group gap={4} wrap="nowrap">
      {zoom !== null && (
        <ActionIcon
          size="sm"
          variant="light"
          aria-label="Show all of the curves again"
          title="Show all of the curves again (double click)"
          onClick={() => useCurveView.setState({ zoom: null })}
          data-testid="curves-unzoom"
        >
          <Icon name="reset" size={12} />
        </ActionIcon>
      )}
      <Menu position="bottom-end" width={236}>
        <Menu.Target>
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label="Axes and files"
            data-testid="curves-menu"
          >
            <Icon name="sliders" size={13} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Horizontal axis</Menu.Label>
          {(['steps', 'seconds'] as const).map((axis) => (
            <Menu.Item
              key={axis}
              leftSection={tick(x === axis)}
              onClick={() => useCurveView.setState({ x: axis, zoom: null })}
            >
              {axis === 'steps' ? 'Environment steps' : 'Time of training'}
            </Menu.Item>
          ))}
          <Menu.Label>Vertical axis</Menu.Label>
          <Menu.Item
            leftSection={tick(isLog)}
            disabled={mode === 'truth'}
            onClick={() => useCurveView.setState({ isLog: !isLog })}
          >
            Logarithmic
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item
            leftSection={tick(isTable)}
            onClick={() => useCurveView.setState({ isTable: !isTable })}
            data-testid="curves-table"
          >
            As tables
          </Menu.Item>
          <Menu.Item
            leftSection={<Icon name="arrowDown" size={11} />}
            onClick={() => saveFile('curves.csv', csvOf(drawn.current, x))}
            data-testid="curves-csv"
          >
            Save as CSV
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}

function saveFile(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

const placeText: Readonly<Record<'steps' | 'seconds', (x: number) => string>> = {
  steps: (x) => `step ${grouped(x)}`,
  seconds: (x) => `${x < 60 ? `${short(x)} s` : duration(x)} of training`,
};

const isShare = (name: string): boolean => /success|rate|fraction|^win\/|\/won(\/|$)/.test(name);

function MetricChoice({ names }: { readonly names: readonly string[] }) {
  const chosen = useView((state) => state.metrics);
  return (
    <MultiSelect
      size="xs"
      searchable
      clearable
      className="grow"
      aria-label="Metrics to draw"
      placeholder={chosen ? '' : 'Choose metrics'}
      data={[...names]}
      value={chosen ? chosen.filter((name) => names.includes(name)) : []}
      onChange={(value) => useView.setState({ metrics: value.length > 0 ? value : null })}
      maxDropdownHeight={320}
    />
  );
}

function useShown(names: readonly string[]): readonly string[] {
  const chosen = useView((state) => state.metrics);
  return useMemo(() => {
    const kept = chosen?.filter((name) => names.includes(name));
    return kept && kept.length > 0 ? kept : defaultMetrics(names);
  }, [chosen, names]);
}

// Single runs

function RunCurves({ drawn }: { readonly drawn: Drawn }) {
  const selected = useRuns((state) => state.selected);
  const drawnIds = useRuns((state) => drawnRuns(state).join());
  const runs = useRuns((state) => state.runs);
  const scheme = useScheme();
  const ids = useMemo(() => drawnIds.split(',').filter(Boolean).map(Number), [drawnIds]);
  const data = useMetrics(ids);
  const { x, isLog } = useCurveView();
  const smoothing = useView((state) => state.smoothing);
  const names = useMemo(
    () => [...new Set(ids.flatMap((id) => data.get(id)?.names ?? []))].sort(),
    [ids, data],
  );
  const shown = useShown(names);
  const charts = useMemo(
    () =>
      shown.map((name) => ({
        title: name,
        series: ids.flatMap((id): ChartSeries[] => {
          const series = data.get(id);
          const values = series?.values.get(name);
          const places = x === 'steps' ? series?.steps : series?.seconds;
          if (!series || !values || !places) return [];
          const known = [...values.keys()].filter((i) => Number.isFinite(values[i]!));
          return [
            {
              label: `#${id}`,
              colour: runColour(id, scheme),
              x: known.map((i) => places[i]!),
              y: known.map((i) => values[i]!),
            },
          ];
        }),
      })),
    [shown, ids, data, x, scheme],
  );
  drawn.current = charts;
  const { changes, marks } = useWeightChanges(ids, x, (id) => runColour(id, scheme), data);
  const smoothed = useMemo(
    () =>
      charts.map(({ title, series }) => ({
        title,
        last: series[0]?.y[series[0].y.length - 1],
        series: series.map((one) => ({ ...one, y: smooth(Array.from(one.y), smoothing) })),
      })),
    [charts, smoothing],
  );
  if (selected === null) return <EmptyHint>Select a run to see its training curves.</EmptyHint>;
  return (
    <>
      <div className="curves-bar">
        <MetricChoice names={names} />
        <Group gap={8} wrap="nowrap" className="smoothing">
          <Text size="xs" c="dimmed" id="smoothing-label">
            Smooth
          </Text>
          <Slider
            size="sm"
            w={76}
            min={0}
            max={0.98}
            step={0.02}
            label={null}
            value={smoothing}
            onChange={(value) => useView.setState({ smoothing: value })}
            thumbProps={{ 'aria-labelledby': 'smoothing-label' }}
          />
        </Group>
      </div>
      <div className="curves-runs">
        {ids.map((id) => (
          <span key={id} className="run-chip">
            <span className="swatch" style={{ background: runColour(id, scheme) }} />
            <span className="truncate" title={runs.get(id)?.name}>
              {runs.get(id)?.name} <span className="dim">#{id}</span>
            </span>
            {id !== selected && (
              <ActionIcon
                size={16}
                variant="subtle"
                color="gray"
                aria-label={`Take run ${id} out of the curves`}
                onClick={() => toggleOverlay(id)}
              >
                <Icon name="close" size={9} />
              </ActionIcon>
            )}
          </span>
        ))}
      </div>
      <WeightChanges changes={changes} />
      {names.length === 0 ? (
        <EmptyHint>No metrics yet: they come with the first training update.</EmptyHint>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard
        <section className="curves-grid" tabIndex={0} aria-label="Training curves">
          {smoothed.map(({ title, series, last }) => (
            <Chart
              key={title}
              title={title}
              caption={<MetricName name={title} method={runs.get(ids[0] ?? -1)?.algorithm} />}
              now={short(last)}
              series={series}
              marks={marks}
              isLog={isLog}
              isShare={isShare(title)}
              place={placeText[x]}
              testId={`curve-${title}`}
            />
          ))}
        </section>
      )}
    </>
  );
}

// Groups of seeds

/** The side that the selected run is of. */
function useOwnSide(): string | null {
  return useRuns(({ selected, runs, family }) => {
    if (selected === null) return null;
    const run = runs.get(selected);
    const trained = run?.kind === 'train' ? run : runs.get(family.parents.get(selected) ?? -1);
    return trained ? (trained.group?.id ?? String(trained.id)) : null;
  });
}

/** Every metric that one of these runs has. */
function useNames(ids: readonly number[]): readonly string[] {
  const [names, setNames] = useState<readonly string[]>([]);
  const key = ids.join();
  const isOpen = useConnection((state) => state.status === 'open');
  const hasMetrics = useRuns((state) => ids.some((id) => (state.metricStep.get(id) ?? 0) > 0));
  // asked again with the first metric of a run
  useEffect(() => {
    if (!isOpen || key === '') return;
    let isOver = false;
    lab.runs.configs({ ids: key.split(',').map(Number) }).then(
      (answer) => !isOver && setNames(answer.names),
      (error: unknown) => console.warn('The metrics of the runs:', error),
    );
    return () => {
      isOver = true;
    };
  }, [key, isOpen, hasMetrics]);
  return names;
}

const noProxies: readonly LearnedProxy[] = [];

/** Learned progress that is stored with episodes of these runs; asked again as they go on. */
function useLearnedProxies(ids: readonly number[]): readonly LearnedProxy[] {
  const { answer } = useAnswer(ids.length === 0 ? '' : `learned ${ids}`, ids, async () => {
    const { proxies } = await lab.runs.learned({ runs: [...ids] });
    return proxies;
  });
  return answer ?? noProxies;
}

/** Milliseconds between two questions about runs that are at work. */
const patience = 3000;

/** Asks when `key` changes, and again when the runs have newer metrics; the old answer stays until the new one is there. */
function useAnswer<T>(
  key: string,
  ids: readonly number[],
  ask: () => Promise<T>,
): { answer: T | null; error: string | null } {
  const [state, setState] = useState<{ key: string; answer: T | null; error: string | null }>({
    key: '',
    answer: null,
    error: null,
  });
  const isOpen = useConnection((connection) => connection.status === 'open');
  const news = useRuns(({ metricStep }) => ids.reduce((sum, id) => sum + (metricStep.get(id) ?? 0), 0));
  const last = useRef({ key: '', at: 0 });
  const question = useRef(ask);
  question.current = ask;
  // `news` asks again
  useEffect(() => {
    if (!isOpen || key === '') return;
    let isOver = false;
    const wait = last.current.key === key ? Math.max(0, last.current.at + patience - performance.now()) : 0;
    const timer = setTimeout(async () => {
      last.current = { key, at: performance.now() };
      try {
        const answer = await question.current();
        if (!isOver) setState({ key, answer, error: null });
      } catch (error) {
        if (!isOver) setState({ key, answer: null, error: messageOf(error) });
      }
    }, wait);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [key, isOpen, news]);
  return state.key === key ? state : { answer: null, error: null };
}

type Arrays = Record<string, PackedArray>;
interface MetricCurves {
  readonly name: string;
  readonly groups: GroupCurves['groups'];
  readonly data: Arrays;
}

function GroupedCurves({ drawn }: { readonly drawn: Drawn }) {
  const scheme = useScheme();
  const runs = useRuns((state) => state.runs);
  const own = useOwnSide();
  const pinned = useRunTable((state) => state.pinned);
  const { sides: chosen, x, isLog, isDifference } = useCurveView();
  useEffect(() => void loadPinned(), []);
  const all = useMemo(() => sidesOf(runs.values()), [runs]);
  const sides = useMemo(() => {
    const wanted = chosen.length > 0 ? chosen : [pinned, own].filter((side) => side !== null);
    return [...new Set(wanted)].filter((side) => all.includes(side)).slice(0, 16);
  }, [chosen, pinned, own, all]);
  const groups = useMemo(
    () => sides.map((side) => ({ key: side, runs: runsOfSide(runs.values(), side).map(({ id }) => id) })),
    [sides, runs],
  );
  const ids = groups.flatMap((group) => group.runs);
  const names = useNames(ids);
  const shown = useShown(names);
  const baseline =
    sides.length < 2 ? undefined : pinned !== null && sides.includes(pinned) ? pinned : sides[0];
  const key = shown.length === 0 ? '' : JSON.stringify([groups, shown, x, baseline]);
  const { answer, error } = useAnswer(key, ids, async () => {
    const found: MetricCurves[] = [];
    // One after another: the lab has other things to do.
    for (const name of shown) {
      const { groups: lines, data } = await lab.runs.curves({
        groups,
        metric: name,
        x,
        ...(baseline === undefined ? {} : { baseline }),
      });
      found.push({ name, groups: lines, data: unpack(data) });
    }
    return found;
  });
  const showsDifference = isDifference && baseline !== undefined;
  const { changes, marks } = useWeightChanges(ids, x, (id) =>
    sideColour(palette, groups.find((group) => group.runs.includes(id))?.key ?? String(id), scheme),
  );
  const charts = useMemo(
    () =>
      (answer ?? []).map(({ name, groups: lines, data }) => ({
        title: showsDifference ? `${name}, minus the baseline` : name,
        name,
        lines,
        series: lines.flatMap((line, i) =>
          seriesOf(data, `${i}${showsDifference ? '/difference' : ''}`, {
            label: sideTitle(runs.values(), line.key),
            colour: sideColour(palette, line.key, scheme),
          }),
        ),
        single: showsDifference
          ? []
          : lines.flatMap((line, i) =>
              line.runs.length < 2
                ? []
                : line.runs.map(({ id, seed }) => ({
                    label: `#${id}, seed ${seed}`,
                    colour: sideColour(palette, line.key, scheme),
                    x: data[`${i}/x`]!,
                    y: data[`${i}/run/${id}`]!,
                    isFaint: true,
                  })),
            ),
      })),
    [answer, showsDifference, runs, scheme],
  );
  drawn.current = charts;
  return (
    <>
      <div className="curves-bar">
        <MultiSelect
          size="xs"
          searchable
          clearable
          className="grow"
          aria-label="Groups and runs to draw"
          placeholder={chosen.length === 0 ? 'The selected one and the pinned baseline' : ''}
          data={all.map((side) => ({ value: side, label: sideTitle(runs.values(), side) }))}
          value={chosen.filter((side) => all.includes(side))}
          onChange={(value) => useCurveView.setState({ sides: value })}
          maxDropdownHeight={320}
          maxValues={16}
          data-testid="curve-sides"
        />
      </div>
      <div className="curves-bar">
        <MetricChoice names={names} />
        <Switch
          size="xs"
          label="Minus baseline"
          disabled={baseline === undefined}
          checked={showsDifference}
          onChange={(event) => useCurveView.setState({ isDifference: event.currentTarget.checked })}
        />
      </div>
      <div className="curves-runs">
        {sides.map((side) => (
          <span key={side} className="run-chip">
            <span className="swatch" style={{ background: sideColour(palette, side, scheme) }} />
            <span className="truncate">{sideTitle(runs.values(), side)}</span>
            {side === baseline && <span className="dim">baseline</span>}
          </span>
        ))}
      </div>
      <WeightChanges changes={changes} />
      {error !== null && (
        <Text size="xs" c="var(--lab-bad)" px="sm" role="alert">
          {error}
        </Text>
      )}
      {sides.length === 0 ? (
        <EmptyHint>Choose groups or runs above, or select a training run.</EmptyHint>
      ) : names.length === 0 ? (
        <EmptyHint>No metrics yet: they come with the first training update.</EmptyHint>
      ) : answer === null && error === null ? (
        <EmptyHint>Drawing seeds with replacement…</EmptyHint>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: as above
        <section className="curves-grid curves-groups" tabIndex={0} aria-label="Curves of groups">
          {charts.map(({ title, name, series, single, lines }) => (
            <div key={name} data-testid={`group-${name}`}>
              <Chart
                title={title}
                caption={<MetricName name={name} />}
                series={[...series, ...single]}
                marks={marks}
                isLog={isLog && !showsDifference}
                isShare={isShare(name) && !showsDifference}
                place={placeText[x]}
                height={170}
              />
              <AgainstBaseline lines={lines} place={placeText[x]} />
            </div>
          ))}
          <p className="judge-note curves-wide">
            Line: interquartile mean over the runs of a group, as far as all of them reach. Band: 95 %,
            training seeds drawn with replacement 2,000 times. Thin: the single runs.
          </p>
        </section>
      )}
    </>
  );
}

/** A curve of the answer; empty where it is not there. */
function seriesOf(data: Arrays, at: string, look: Pick<ChartSeries, 'label' | 'colour'>): ChartSeries[] {
  const [x, y, low, high] = ['x', 'middle', 'low', 'high'].map((name) => data[`${at}/${name}`]);
  return x && y && low && high ? [{ ...look, x, y, low, high }] : [];
}

const kindText = {
  paired: 'paired by training seed',
  stratified: 'no two training seeds in common, each group drawn for itself',
  single: 'single runs: no interval',
} as const;

/** What each group is to the baseline at the last place that both reach, or why nothing can be said. */
function AgainstBaseline({
  lines,
  place,
}: {
  readonly lines: GroupCurves['groups'];
  readonly place: (x: number) => string;
}) {
  const runs = useRuns((state) => state.runs);
  const scheme = useScheme();
  return (
    <ul className="curves-against">
      {lines.map(({ key, why, left, against, barrier }) => {
        const said = [
          ...(why === null ? [] : [`no curve: ${why}`]),
          ...left.map(({ id, why: reason }) => `run ${id} is left out: ${reason}`),
          ...(barrier === null ? [] : [`not compared with the baseline: ${barrier}`]),
          ...(against === null
            ? []
            : [
                `${against.difference >= 0 ? '+' : ''}${short(against.difference)}${
                  against.interval
                    ? ` (${short(against.interval.low)} to ${short(against.interval.high)})`
                    : ''
                } against the baseline at ${place(against.at)}, ${kindText[against.kind]}${
                  against.seeds.length > 0 ? ` ${against.seeds.join(', ')}` : ''
                }`,
                against.improvement
                  ? `probability that its run is the higher one ${short(against.improvement.probability)} (${short(against.improvement.interval.low)} to ${short(against.improvement.interval.high)})`
                  : '',
              ].filter(Boolean)),
        ];
        if (said.length === 0) return null;
        return (
          <li key={key}>
            <span className="swatch" style={{ background: sideColour(palette, key, scheme) }} />
            <span>
              <strong>{sideTitle(runs.values(), key)}</strong>: {said.join('; ')}.
            </span>
          </li>
        );
      })}
    </ul>
  );
}

// Truth beside proxy

const truths = ['rollout/success', 'rollout/progress', 'evaluation/success', 'evaluation/progress'] as const;
type TruthMetric = (typeof truths)[number];

function TruthAndProxy({ drawn }: { readonly drawn: Drawn }) {
  const scheme = useScheme();
  const runs = useRuns((state) => state.runs);
  const own = useOwnSide();
  const { sides, truthSide, x, truth: wantedTruth, proxy: wantedProxy } = useCurveView();
  const all = useMemo(() => sidesOf(runs.values()), [runs]);
  const side =
    [truthSide, ...sides].find((one) => one !== null && all.includes(one)) ?? own ?? all[0] ?? null;
  const ids = useMemo(
    () => (side === null ? [] : runsOfSide(runs.values(), side).map(({ id }) => id)),
    [side, runs],
  );
  const names = useNames(ids);
  const known = truths.filter((name) => names.includes(name));
  const truth = known.find((name) => name === wantedTruth) ?? known[0] ?? null;
  const learned = useLearnedProxies(ids);
  const metrics = names.filter((name) => !known.includes(name as TruthMetric));
  const proxies = [...metrics, ...learned.map(({ key }) => key)];
  const proxy =
    proxies.find((name) => name === wantedProxy) ??
    proxies.find((name) => name === 'rollout/return') ??
    proxies.find((name) => /return|reward/.test(name)) ??
    null;
  const { changes, marks } = useWeightChanges(ids, x, (id) => runColour(id, scheme));
  const key = truth === null || proxy === null ? '' : JSON.stringify([ids, truth, proxy, x]);
  const { answer, error } = useAnswer(key, ids, async () => {
    const found = await lab.runs.truth({ runs: ids, truth: truth!, proxy: proxy!, x });
    return { found, data: unpack(found.data) };
  });
  return (
    <>
      <div className="curves-bar">
        <Select
          size="xs"
          className="grow"
          aria-label="Group or run"
          data={all.map((one) => ({ value: one, label: sideTitle(runs.values(), one) }))}
          value={side}
          allowDeselect={false}
          searchable
          onChange={(value) => value && useCurveView.setState({ truthSide: value, zoom: null })}
          data-testid="truth-side"
        />
      </div>
      <div className="curves-bar">
        <Select
          size="xs"
          className="grow"
          label="Truth"
          data={known}
          value={truth}
          allowDeselect={false}
          onChange={(value) => useCurveView.setState({ truth: value })}
          data-testid="truth-metric"
        />
        <Select
          size="xs"
          className="grow"
          label="Proxy"
          data={[
            { group: 'Of training: what it is paid', items: metrics },
            {
              group: 'Of its stored training episodes: what a reward model sees at their end',
              items: learned.map(({ key: value, title, episodes }) => ({
                value,
                label: `${title} (${grouped(episodes)})`,
              })),
            },
          ].filter(({ items }) => items.length > 0)}
          value={proxy}
          allowDeselect={false}
          searchable
          onChange={(value) => useCurveView.setState({ proxy: value })}
          data-testid="proxy-metric"
        />
      </div>
      {error !== null && (
        <Text size="xs" c="var(--lab-bad)" px="sm" role="alert" data-testid="truth-error">
          {error}
        </Text>
      )}
      <WeightChanges changes={changes} />
      {side === null || truth === null || proxy === null ? (
        <EmptyHint>No true measure and reward yet: they come with the first training update.</EmptyHint>
      ) : (
        answer !== null && (
          <TruthChart
            found={answer.found}
            data={answer.data}
            names={{ truth, proxy: learned.find(({ key: one }) => one === proxy)?.title ?? proxy }}
            learned={learned.find(({ key: one }) => one === proxy) ?? null}
            changes={marks}
            place={placeText[x]}
            colours={{
              truth: palette.colour('progress/true', scheme),
              proxy: palette.colour('progress/learned', scheme),
            }}
            drawn={drawn}
          />
        )
      )}
    </>
  );
}

function TruthChart({
  found,
  data,
  names,
  learned,
  changes,
  place,
  colours,
  drawn,
}: {
  readonly found: TruthBesideProxy;
  readonly data: Arrays;
  readonly names: { readonly truth: string; readonly proxy: string };
  /** Where the proxy is learned progress: of 0 to 1, as the truth is. */
  readonly learned: LearnedProxy | null;
  /** Of weights. */
  readonly changes: readonly ChartMark[];
  readonly place: (x: number) => string;
  readonly colours: { readonly truth: string; readonly proxy: string };
  readonly drawn: Drawn;
}) {
  const { truth, proxy } = names;
  const raw = useMemo(() => {
    const one = (which: 'truth' | 'proxy', label: string): ChartSeries[] =>
      seriesOf({ ...data, [`${which}/x`]: data['x'] ?? new Float64Array() }, which, {
        label,
        colour: colours[which],
      });
    return [...one('truth', truth), ...one('proxy', proxy)];
  }, [data, truth, proxy, colours.truth, colours.proxy]);
  const range = raw[1] ? extentOf(raw[1].y) : null;
  const series = useMemo(
    () =>
      raw[0] && raw[1] && range
        ? [
            raw[0],
            learned
              ? { ...raw[1], isDashed: true }
              : { ...normalised(raw[1], range), label: `${proxy}, in its range`, isDashed: true },
          ]
        : [],
    [raw, range?.low, range?.high, proxy, learned === null],
  );
  drawn.current = [{ title: 'truth beside proxy', series: raw }];
  const { parting, why, left, runs } = found;
  const marks = useMemo<readonly ChartMark[]>(
    () => [
      ...changes,
      ...(parting.kind === 'part'
        ? [
            { x: parting.at, label: 'they part', colour: colours.proxy },
            { x: parting.seen, label: 'seen', colour: colours.proxy },
          ]
        : []),
    ],
    [parting, changes, colours.proxy],
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: as above
    <section className="grow-scroll curves-truth" tabIndex={0} aria-label="Truth beside proxy">
      {why !== null ? (
        <EmptyHint>{`No curves: ${why}.`}</EmptyHint>
      ) : (
        <Chart
          title="Truth beside proxy"
          series={series}
          marks={marks}
          isShare
          place={place}
          height={240}
          testId="truth-chart"
        />
      )}
      <ul className="curves-against">
        <li>
          <span className="swatch" style={{ background: colours.truth }} />
          <span>
            <strong>{truth}</strong>: true, as it is, 0 to 1.
          </span>
        </li>
        {range && (
          <li>
            <span className="swatch" style={{ background: colours.proxy }} />
            <span>
              <strong>{proxy}</strong>:{' '}
              {learned
                ? `dashed, as it is, 0 to 1: at the last frame of ${grouped(learned.episodes)} stored training episodes, the mean of those that began since the row before.`
                : `dashed, what training is paid by, drawn in its own range: 0 is ${short(range.low)}, 1 is ${short(range.high)}. Its height beside the truth means nothing, its direction does.`}
            </span>
          </li>
        )}
      </ul>
      <p className="curves-parting" role="status" data-testid="parting" data-kind={parting.kind}>
        {partingText(parting, names, place)}
      </p>
      <p className="judge-note">
        {runs.length === 0
          ? ''
          : runs.length === 1
            ? 'Of one run: its rows are drawn, so it says nothing of other seeds.'
            : `Of ${runs.length} runs, training seeds ${runs.map(({ seed }) => seed).join(', ')}: interquartile mean, 95 % over seeds.`}{' '}
        {left.map(({ id, why: reason }) => `Run ${id} is left out: ${reason}. `)}
        Truth is shown to people alone; nothing that trains reads it.
      </p>
    </section>
  );
}
