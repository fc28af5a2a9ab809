/**
 * Where things come from and what came of them: of the selected run, or of the episode in the active player. A graph to go along by
 * pointer or keyboard, and the same as a list.
 */

import './lineage.css';
import { ActionIcon, Badge, Code, SegmentedControl, Stack, Text } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { EpisodeLineage } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { useForks } from '../state/forks.ts';
import { memory } from '../state/layout.ts';
import { go, goWords, type LineageEdge, type LineageNode, nodeSize, placed } from '../state/lineage.ts';
import { messageOf } from '../state/message.ts';
import { usePlayers } from '../state/players.ts';
import { useRuns } from '../state/runs.ts';
import { EmptyHint } from './stage.tsx';

type Details = Awaited<ReturnType<typeof lab.runs.get>>;

interface Shown {
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
  /** The one it is about. */
  readonly key: string;
  readonly details: Details;
  /** Of an episode. */
  readonly episode: EpisodeLineage | null;
}

const kindColour = {
  run: 'blue',
  model: 'orange',
  episodes: 'teal',
  episode: 'teal',
  checkpoint: 'grape',
  labels: 'gray',
} as const;

export function LineagePanel() {
  const [of, setOf] = useState<'run' | 'episode'>('run');
  const [form, setForm] = useState<'graph' | 'list'>(() =>
    memory.get('reward-lab.lineage') === 'list' ? 'list' : 'graph',
  );
  const selected = useRuns((state) => state.selected);
  const episode = usePlayers((state) => state[state.active].loaded?.episode.id ?? null);
  const forks = useForks((state) => state.version);
  // Asked again when the run moves on to another phase.
  const phase = useRuns((state) => (selected === null ? '' : state.runs.get(selected)?.phase));
  const [shown, setShown] = useState<Shown | null>(null);
  const [error, setError] = useState<string | null>(null);
  const wanted = of === 'run' ? selected : episode;
  useEffect(() => {
    if (wanted === null) return;
    let isOver = false;
    (of === 'run' ? ofRun(wanted) : ofEpisode(wanted)).then(
      (found) => {
        if (isOver) return;
        setShown(found);
        setError(null);
      },
      (reason: unknown) => {
        if (!isOver) setError(messageOf(reason));
      },
    );
    return () => {
      isOver = true;
    };
  }, [of, wanted, phase, forks]);

  return (
    <div className="lineage-panel" data-testid="lineage">
      <div className="lineage-bar">
        <SegmentedControl
          size="xs"
          aria-label="Lineage of what"
          data={[
            { value: 'run', label: 'Selected run' },
            { value: 'episode', label: 'This episode' },
          ]}
          value={of}
          onChange={(value) => {
            setOf(value as typeof of);
            setShown(null);
          }}
        />
        <span className="grow" />
        <SegmentedControl
          size="xs"
          aria-label="How it is shown"
          data={[
            { value: 'graph', label: 'Graph' },
            { value: 'list', label: 'List' },
          ]}
          value={form}
          onChange={(value) => {
            setForm(value as typeof form);
            memory.set('reward-lab.lineage', value);
          }}
        />
      </div>
      {wanted === null ? (
        <EmptyHint>
          {of === 'run'
            ? 'Select a run to see where it comes from.'
            : 'Open an episode to see what it came from.'}
        </EmptyHint>
      ) : error !== null ? (
        <EmptyHint>{error}</EmptyHint>
      ) : !shown ? (
        <EmptyHint>Asking the lab…</EmptyHint>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard
        <section className="lineage-scroll" tabIndex={0} aria-label="Lineage">
          {form === 'graph' ? <LineageGraph shown={shown} /> : <LineageList shown={shown} />}
          <Rest shown={shown} />
        </section>
      )}
    </div>
  );
}

async function ofRun(id: number): Promise<Shown> {
  const [{ nodes, edges }, details] = await Promise.all([lab.runs.lineage({ id }), lab.runs.get({ id })]);
  return { nodes, edges, key: `run:${id}`, details, episode: null };
}

async function ofEpisode(id: number): Promise<Shown> {
  const episode = await lab.episodes.lineage({ id });
  const details = await lab.runs.get({ id: episode.run.id });
  return { nodes: episode.nodes, edges: episode.edges, key: `episode:${id}`, details, episode };
}

/** Moves and scales the world under a pointer; arrow keys walk from node to node along the edges. */
function LineageGraph({ shown }: { readonly shown: Shown }) {
  const { nodes, edges, key } = shown;
  const graph = useMemo(() => placed(nodes, edges), [nodes, edges]);
  const room = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ x: 0, y: 0, scale: 1 });
  const [held, setHeld] = useState<{ x: number; y: number } | null>(null);

  const fit = useMemo(
    () => (): void => {
      const { clientWidth = 300, clientHeight = 300 } = room.current ?? {};
      // The buttons in the corner hide nothing.
      const height = clientHeight - 36;
      const scale = Math.min(1, clientWidth / graph.width, height / graph.height);
      setView({
        scale,
        x: (clientWidth - graph.width * scale) / 2,
        y: Math.max(0, (height - graph.height * scale) / 2),
      });
    },
    [graph],
  );
  useEffect(() => {
    fit();
    const element = room.current;
    if (!element) return;
    const observer = new ResizeObserver(fit);
    observer.observe(element);
    return () => observer.disconnect();
  }, [fit]);

  const zoom = (factor: number, at?: { x: number; y: number }): void =>
    setView((old) => {
      const scale = Math.min(2, Math.max(0.2, old.scale * factor));
      const { clientWidth = 0, clientHeight = 0 } = room.current ?? {};
      const { x, y } = at ?? { x: clientWidth / 2, y: clientHeight / 2 };
      const share = scale / old.scale;
      return { scale, x: x - (x - old.x) * share, y: y - (y - old.y) * share };
    });

  // React's own wheel listeners cannot keep the panel from scrolling.
  useEffect(() => {
    const element = room.current;
    if (!element) return;
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = element.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 300), { x: event.clientX - box.left, y: event.clientY - box.top });
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  });

  const walk = (from: string, way: string): void => {
    const isUp = way === 'ArrowUp';
    const here = graph.nodes.find((node) => node.key === from)!;
    const near =
      way === 'ArrowUp' || way === 'ArrowDown'
        ? graph.edges
            .filter((edge) => (isUp ? edge.to : edge.from) === from)
            .map((edge) => (isUp ? edge.from : edge.to))
        : graph.nodes
            .filter((node) => node.y === here.y && (way === 'ArrowLeft' ? node.x < here.x : node.x > here.x))
            .sort((a, b) => Math.abs(a.x - here.x) - Math.abs(b.x - here.x))
            .map((node) => node.key);
    const next = near[0];
    if (next) room.current?.querySelector<HTMLElement>(`[data-node="${next}"]`)?.focus();
  };

  return (
    <div
      ref={room}
      className="lineage-graph"
      data-held={held !== null || undefined}
      data-testid="lineage-graph"
      onPointerDown={(event) => {
        if ((event.target as Element).closest('button')) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setHeld({ x: event.clientX - view.x, y: event.clientY - view.y });
      }}
      onPointerMove={(event) => {
        if (held) setView({ ...view, x: event.clientX - held.x, y: event.clientY - held.y });
      }}
      onPointerUp={() => setHeld(null)}
      onPointerCancel={() => setHeld(null)}
    >
      <div
        className="lineage-world"
        style={{
          width: graph.width,
          height: graph.height,
          transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})`,
        }}
      >
        <svg width={graph.width} height={graph.height} aria-hidden="true">
          <defs>
            <marker
              id="lineage-arrow"
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto"
            >
              <path d="M0 0.5L7 4L0 7.5z" fill="var(--lab-dim)" />
            </marker>
          </defs>
          {graph.edges.map(({ from, to, role, path, labelX, labelY }) => (
            <g key={`${from} ${to} ${role}`}>
              <path
                d={path}
                fill="none"
                stroke="var(--lab-dim)"
                strokeWidth="1.3"
                markerEnd="url(#lineage-arrow)"
              />
              <text x={labelX} y={labelY + 3}>
                {role}
              </text>
            </g>
          ))}
        </svg>
        {graph.nodes.map((node) => (
          <button
            key={node.key}
            type="button"
            className="lineage-node"
            data-kind={node.kind}
            data-node={node.key}
            aria-current={node.key === key || undefined}
            title={`${node.title}: ${goWords[node.kind]}`}
            style={{ left: node.x, top: node.y, width: nodeSize.width, height: nodeSize.height }}
            onClick={() => go(node, edges)}
            onKeyDown={(event) => {
              if (!event.key.startsWith('Arrow')) return;
              event.preventDefault();
              event.stopPropagation();
              event.nativeEvent.stopImmediatePropagation();
              walk(node.key, event.key);
            }}
          >
            <span className="kind">{node.kind === 'checkpoint' ? 'policy' : node.kind}</span>
            <span className="title">{node.title}</span>
          </button>
        ))}
      </div>
      <div className="lineage-tools">
        <ActionIcon size="sm" variant="default" aria-label="Larger" onClick={() => zoom(1.25)}>
          <Icon name="plus" size={11} />
        </ActionIcon>
        <ActionIcon size="sm" variant="default" aria-label="Smaller" onClick={() => zoom(0.8)}>
          <Icon name="minus" size={11} />
        </ActionIcon>
        <ActionIcon size="sm" variant="default" aria-label="All of it" onClick={fit}>
          <Icon name="enlarge" size={11} />
        </ActionIcon>
      </div>
    </div>
  );
}

function LineageList({ shown: { nodes, edges } }: { readonly shown: Shown }) {
  const titles = new Map(nodes.map((node) => [node.key, node.title]));
  return (
    <div className="lineage-text">
      <ol className="lineage">
        {nodes.map((node) => (
          <li key={node.key}>
            <Badge size="xs" radius="sm" variant="light" color={kindColour[node.kind]} className="no-caps">
              {node.kind}
            </Badge>{' '}
            <button type="button" onClick={() => go(node, edges)} title={goWords[node.kind]}>
              {node.title}
            </button>
            {edges
              .filter((edge) => edge.from === node.key)
              .map((edge) => (
                <Text key={`${edge.to}-${edge.role}`} size="xs" c="dimmed" pl={12}>
                  {edge.role} <Icon name="arrowRight" size={9} /> {titles.get(edge.to) ?? edge.to}
                </Text>
              ))}
          </li>
        ))}
      </ol>
    </div>
  );
}

function Rest({ shown: { details, episode } }: { readonly shown: Shown }) {
  return (
    <Stack gap="lg" className="lineage-text">
      {episode && <EpisodeFacts of={episode} />}
      {details.yaml !== '' && (
        <div>
          <Text size="sm" fw={600} mb={6}>
            Recipe of this run
          </Text>
          <Code block fz={11}>
            {details.yaml}
          </Code>
        </div>
      )}
      <div>
        <Text size="sm" fw={600} mb={6}>
          Made with
        </Text>
        {Object.entries(details.versions).map(([name, version]) => (
          <Text key={name} size="xs" className="mono">
            <span className="dim">{name}</span> {version}
          </Text>
        ))}
      </div>
    </Stack>
  );
}

function EpisodeFacts({ of }: { readonly of: EpisodeLineage }) {
  const facts: [string, string][] = [
    ['run', `${of.run.name} (${of.run.kind} run ${of.run.id})`],
    [
      'policy',
      of.checkpoint === null
        ? 'no stored checkpoint'
        : `run ${of.checkpoint.runId} at ${of.checkpoint.step} steps, checkpoint ${of.checkpoint.id}, ${of.checkpoint.hash}`,
    ],
    ...of.models.map(
      ({ id, method, hash, role, demonstrations: { count, failures, runId, labels } }): [string, string] => [
        `model ${id}`,
        `${method}, ${role}, ${hash}; fitted on ${count} demonstrations${failures > 0 ? ` and ${failures} failures` : ''} of run ${runId}, labelled by ${labels.map(({ source, episodes }) => `${source} (${episodes})`).join(', ') || 'nobody'}`,
      ],
    ),
    ...(of.demonstrations === null
      ? []
      : [
          ['demonstrations', `${of.demonstrations.count} of run ${of.demonstrations.runId}`] as [
            string,
            string,
          ],
        ]),
    ...(of.parent === null
      ? []
      : [
          [
            'parent',
            `episode ${of.parent.id}, left at step ${of.parent.frame}${of.parent.edited === null ? '' : `, edited (${of.parent.edited}),`} by ${of.parent.actor}`,
          ] as [string, string],
        ]),
    ['forks', of.forks.length === 0 ? 'none' : of.forks.join(', ')],
  ];
  return (
    <div data-testid="episode-facts">
      <Text size="sm" fw={600} mb={6}>
        {of.episode.title}
      </Text>
      {facts.map(([name, words]) => (
        <Text key={name} size="xs">
          <span className="dim">{name}</span> {words}
        </Text>
      ))}
    </div>
  );
}
