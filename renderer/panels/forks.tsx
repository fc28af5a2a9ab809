/** The tree of forks that the active player's episode stands in: who left whom when, against time, with the truth along each branch. */

import './forks.css';
import { Text } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { ForkTree } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { CommandButton } from '../parts/command-button.tsx';
import { Icon } from '../parts/icons.tsx';
import { showBeside, type TreeRow, treeRows, useForks } from '../state/forks.ts';
import { useFrame } from '../state/hooks.ts';
import { messageOf } from '../state/message.ts';
import { openEpisode, type SlotName, usePlayers } from '../state/players.ts';
import { EmptyHint } from './stage.tsx';

/** Pixels: a row, its words, the room left and right of the branches. */
const rowHeight = 58;
const wordsHeight = 22;
const margin = 14;

export function ForksPanel() {
  const active = usePlayers((state) => state.active);
  const episode = usePlayers((state) => state[active].loaded?.episode.id ?? null);
  const version = useForks((state) => state.version);
  const [tree, setTree] = useState<ForkTree | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    if (episode === null) return;
    let isOver = false;
    lab.forks.tree({ id: episode }).then(
      (found) => {
        if (isOver) return;
        setTree(found);
        setError(null);
      },
      (reason: unknown) => {
        if (!isOver) setError(messageOf(reason));
      },
    );
    return () => {
      isOver = true;
    };
  }, [episode, version]);

  if (episode === null)
    return <EmptyHint>Open an episode to see what it was forked from and into.</EmptyHint>;
  if (error !== null) return <EmptyHint>{error}</EmptyHint>;
  if (!tree) return <EmptyHint>Asking the lab…</EmptyHint>;
  return (
    <div className="forks" data-testid="forks">
      <div className="forks-bar">
        <Text size="xs" c="dimmed" className="grow" truncate>
          {tree.branches.length === 1
            ? 'No forks yet'
            : `${tree.branches.length} episodes${tree.left > 0 ? `, ${tree.left} more` : ''} from episode ${tree.root}`}
        </Text>
        <CommandButton command="fork" icon="fork" size="sm" testId="fork-button" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard */}
      <section className="forks-room" tabIndex={0} aria-label="Tree of forks">
        <Tree tree={tree} active={active} episode={episode} />
      </section>
    </div>
  );
}

function Tree({
  tree,
  active,
  episode,
}: {
  readonly tree: ForkTree;
  readonly active: SlotName;
  readonly episode: number;
}) {
  const rows = treeRows(tree);
  const list = useRef<HTMLUListElement>(null);
  const [width, setWidth] = useState(300);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth || 300));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const shown = rows.find(({ branch }) => branch.id === episode);
  const longest = Math.max(1, ...rows.map(({ branch }) => branch.begins + branch.length));
  const x = (frame: number): number => margin + (frame / longest) * (width - 2 * margin);
  return (
    <ul className="forks-tree" ref={list}>
      <svg aria-hidden="true" style={{ height: rows.length * rowHeight }}>
        {rows.map((row, i) => (
          <Branch key={row.branch.id} row={row} index={i} x={x} />
        ))}
        <Cursor active={active} begins={shown?.branch.begins ?? 0} x={x} height={rows.length * rowHeight} />
      </svg>
      {rows.map((row) => (
        <Row
          key={row.branch.id}
          row={row}
          active={active}
          isShown={row.branch.id === episode}
          dt={tree.controlDt}
        />
      ))}
    </ul>
  );
}

const baseOf = (index: number): number => index * rowHeight + rowHeight - 8;
const room = rowHeight - wordsHeight - 12;

function Branch({
  row: { branch, parent },
  index,
  x,
}: {
  readonly row: TreeRow;
  readonly index: number;
  readonly x: (frame: number) => number;
}) {
  const { begins } = branch;
  const from = begins + (branch.fork?.frame ?? 0);
  const base = baseOf(index);
  const points = branch.frames
    .map((frame, i) => ({ frame: begins + frame, value: branch.trueProgress[i] ?? 0 }))
    .filter(({ frame }) => frame >= from)
    .map(({ frame, value }) => `${x(frame).toFixed(1)},${(base - value * room).toFixed(1)}`);
  const colour = branch.success ? 'var(--lab-good)' : 'var(--lab-dim)';
  return (
    <g fill="none">
      {parent >= 0 && (
        <path
          d={`M${x(from)} ${baseOf(parent)}V${base}`}
          stroke="var(--lab-accent)"
          strokeWidth="1.5"
          strokeDasharray="3 2"
        />
      )}
      <path
        d={`M${x(from)} ${base}H${x(begins + branch.length)}`}
        stroke={colour}
        strokeWidth="2"
        strokeLinecap="round"
      />
      {points.length > 1 && <polyline points={points.join(' ')} stroke="var(--lab-true)" strokeWidth="1.5" />}
      {parent >= 0 && <circle cx={x(from)} cy={base} r="3.5" fill="var(--lab-accent)" />}
      {branch.successAt !== null && (
        <circle
          cx={x(begins + branch.successAt)}
          cy={base}
          r="3"
          fill="var(--lab-panel)"
          stroke="var(--lab-good)"
          strokeWidth="2"
        />
      )}
    </g>
  );
}

/** Where the clock stands in the active player. */
function Cursor({
  active,
  begins,
  x,
  height,
}: {
  readonly active: SlotName;
  readonly begins: number;
  readonly x: (frame: number) => number;
  readonly height: number;
}) {
  const frame = begins + useFrame(active);
  return <path d={`M${x(frame)} 0V${height}`} stroke="var(--lab-text)" strokeOpacity="0.45" />;
}

function Row({
  row: { branch, depth },
  active,
  isShown,
  dt,
}: {
  readonly row: TreeRow;
  readonly active: SlotName;
  readonly isShown: boolean;
  readonly dt: number;
}) {
  const { id, fork, begins, edited, success, ending, finalProgress, returnTotal, length } = branch;
  const outcome = success ? 'success' : ending === 'diverged' ? 'diverged' : 'no success';
  const who = fork === null ? 'the beginning' : edited !== null ? `edited, then ${fork.actor}` : fork.actor;
  const label =
    `Episode ${id}${fork === null ? '' : `, fork of ${fork.parent ?? 'an episode that is gone'} at ${((begins + fork.frame) * dt).toFixed(2)} s${edited !== null ? `, from an edited state (${edited}),` : ''} by ${fork.actor}`}: ` +
    `${outcome}, true progress ${finalProgress.toFixed(2)}, return ${returnTotal.toFixed(2)}, ${length} steps`;
  return (
    <li className="forks-row" data-shown={isShown || undefined}>
      <button
        type="button"
        aria-current={isShown || undefined}
        title={`${label}. Shift-click opens it beside`}
        onClick={(event) => {
          if (event.shiftKey) void showBeside(id, fork?.frame ?? 0);
          else void openEpisode(active, id, 'keep');
        }}
      >
        <span className="forks-facts" style={{ paddingLeft: Math.min(5, depth) * 10 }}>
          {depth > 0 && <Icon name="fork" size={11} />}
          <b className="mono">#{id}</b>
          <span className="who">{who}</span>
          <span className="figures">
            true {finalProgress.toFixed(2)} · return {returnTotal.toFixed(2)}
          </span>
          <span className={success ? 'good' : 'dim'}>
            <Icon name={success ? 'check' : 'cross'} size={11} />
            <span className="sr-only">{outcome}</span>
          </span>
        </span>
      </button>
    </li>
  );
}
