/** Keeps the address pointing at what is on screen, so that it can be copied, and survives a reload. */

import { useDock } from '../dock.ts';
import { useAlignment } from './alignment.ts';
import { type DeepLink, writeLink } from './link.ts';
import { clock, usePlayers } from './players.ts';
import { useRuns } from './runs.ts';

/** The name that a link gives its project: that of its folder. */
export const projectName = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;

function linkNow(): DeepLink {
  const players = usePlayers.getState();
  const { selected, info } = useRuns.getState();
  const { name: layout } = useDock.getState();
  const { shown, a } = players;
  const { mode, time, inPoint, outPoint } = clock.state;
  const isSeveral = shown.length > 1;
  return {
    ...(info ? { project: projectName(info.project) } : {}),
    ...(selected === null ? {} : { run: selected }),
    // A live player is not pinned to an episode: a reload follows on.
    ...Object.fromEntries(
      shown.flatMap((name) => {
        const { source } = players[name];
        return source.type === 'episode' ? [[name, source.id]] : [];
      }),
    ),
    ...(a.source.type === 'episode' && mode !== 'playing' ? { t: time } : {}),
    ...(inPoint === null ? {} : { in: inPoint }),
    ...(outPoint === null ? {} : { out: outPoint }),
    ...(isSeveral
      ? { active: players.active, align: useAlignment.getState().mode, ghosts: players.ghosts }
      : {}),
    ...(layout === null ? {} : { layout }),
  };
}

export function followAddress(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    // Until the project is here the address still says what to open.
    if (!useRuns.getState().loaded) return;
    const hash = writeLink(linkNow());
    if (hash !== location.hash)
      history.replaceState(null, '', `${location.pathname}${location.search}${hash}`);
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(write, 300);
  };
  usePlayers.subscribe(soon);
  useAlignment.subscribe((state, before) => {
    if (state.mode !== before.mode) soon();
  });
  useDock.subscribe((state, before) => {
    if (state.name !== before.name) soon();
  });
  useRuns.subscribe((state, before) => {
    if (state.selected !== before.selected || state.info !== before.info) soon();
  });
  clock.subscribe(({ mode }) => {
    if (mode !== 'playing') soon();
  });
}
