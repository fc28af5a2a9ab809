/**
 * Keeps the window in step with the lab: everything once on connecting, then a long poll for what is new. The lab keeps
 * only the newest event of each kind for us, so a slow window costs nobody anything.
 */

import { notifications } from '@mantine/notifications';
import type { LabEvent, Run } from '../../lab/api.ts';
import { applyLayout, useDock } from '../dock.ts';
import { lab, whenOpen } from '../lab.ts';
import { projectName } from './address.ts';
import { setAlignMode } from './alignment.ts';
import { takeDisagreementEvents } from './disagreement.ts';
import { loadDocs } from './docs.ts';
import { reloadEpisodes } from './episodes.ts';
import { type Edge, familyOf } from './family.ts';
import { takeForkEvents } from './forks.ts';
import { reloadStored, takeJudgeEvents } from './judge.ts';
import { focusPanel } from './layout.ts';
import { type DeepLink, readLink } from './link.ts';
import { clock, followNewest, followRun, openEpisode, setActive, slotNames, usePlayers } from './players.ts';
import { foldEvents, isActive, sortedRuns, useRuns } from './runs.ts';
import { takeScoreEvents } from './scores.ts';
import { settle } from './settled.ts';

const alertColour = { info: 'blue', warning: 'yellow', error: 'red' } as const;

/** Alerts and endings are said once, when they come while someone watches; old ones stay in the run's row. */
function announce(before: Run | undefined, after: Run): void {
  if (!before) return;
  for (const alert of after.alerts.slice(before.alerts.length)) {
    notifications.show({ title: after.name, message: alert.message, color: alertColour[alert.level] });
  }
  if (before.status === after.status) return;
  // The end of a part (demonstrations, reward model) is not the end of what was asked for.
  if (after.status === 'done' && after.kind === 'train') {
    const rate = after.evaluation ? `success ${(100 * after.evaluation.success).toFixed(0)} %` : 'finished';
    notifications.show({ title: `${after.name} is done`, message: rate, color: 'teal' });
  }
  if (after.status === 'failed' || after.status === 'crashed') {
    notifications.show({
      title: `${after.name} ${after.status}`,
      message: after.error ?? 'No reason was given',
      color: 'red',
      autoClose: false,
    });
  }
}

function take(events: readonly LabEvent[]): void {
  if (events.length === 0) return;
  const before = useRuns.getState();
  for (const event of events) if (event.type === 'run') announce(before.runs.get(event.run.id), event.run);
  useRuns.setState(foldEvents(before, events));
  if (
    events.some((event) => event.type === 'model' || (event.type === 'run' && !before.runs.has(event.run.id)))
  )
    void learnFamily();
  if (events.some((event) => event.type === 'episode')) followNewest();
  takeJudgeEvents(events);
  takeForkEvents(events);
  takeScoreEvents(events);
  takeDisagreementEvents(events);
}

let learning = false;
let wantsMore = false;

/** By training run. */
const lineages = new Map<number, readonly Edge[]>();

/** Asks for the lineage of each training run; once is enough for those that are over. */
async function learnFamily(): Promise<void> {
  wantsMore = true;
  if (learning) return;
  learning = true;
  try {
    while (wantsMore) {
      wantsMore = false;
      for (const run of sortedRuns(useRuns.getState().runs)) {
        if (run.kind !== 'train' || (lineages.has(run.id) && !isActive(run))) continue;
        lineages.set(run.id, (await lab.runs.lineage({ id: run.id })).edges);
      }
      useRuns.setState({
        family: familyOf([...lineages.values()].flat(), sortedRuns(useRuns.getState().runs)),
      });
      followNewest();
    }
  } catch (error) {
    console.warn('The lineage of the runs:', error);
  } finally {
    learning = false;
  }
}

async function loadAll(): Promise<void> {
  const [project, runs] = await Promise.all([lab.app.project(), lab.runs.list()]);
  const first = !useRuns.getState().loaded;
  useRuns.setState((state) => ({
    info: { ...project, device: state.info?.device ?? null },
    runs: new Map(runs.map((run) => [run.id, run])),
    loaded: true,
  }));
  reloadEpisodes();
  if (first) await openSomething();
  void learnFamily();
  void loadRest();
}

/** The catalog of everything and the timing of devices each keep the lab busy for a second or more. */
async function loadRest(): Promise<void> {
  await settle();
  try {
    await reloadStored();
    useRuns.setState({ catalog: await lab.catalog() });
    await loadDocs();
    useRuns.setState({ info: await lab.app.info() });
  } catch (error) {
    // All of it is asked again after the next connecting.
    console.warn('What the lab has to offer:', error);
  }
}

/** On the first sight of a project: what the address asks for, else the newest run with its newest episode. */
async function openSomething(): Promise<void> {
  const link = linkHere();
  const runs = sortedRuns(useRuns.getState().runs);
  // Demonstrations and reward models are runs of their own; the training that they were made for is what people mean.
  const withEpisodes = runs.filter(({ episodes }) => episodes > 0);
  const run =
    runs.find(({ id }) => id === link.run) ??
    runs.find((one) => isActive(one) && one.kind === 'train') ??
    withEpisodes.find(({ kind }) => kind === 'train') ??
    withEpisodes[0] ??
    runs[0];
  if (run) await selectRun(run.id, link.a === undefined);
  await openLinked(link);
}

/** What the address asks for; nothing where it is about another project, whose ids mean something else here. */
function linkHere(): DeepLink {
  const link = readLink(location.hash);
  const { info } = useRuns.getState();
  const here = info ? projectName(info.project) : '';
  if (link.project === undefined || link.project === here) return link;
  notifications.show({
    title: 'This link is about another project',
    message: `It names ${link.project}; ${here} is open. Its episodes were not opened.`,
    color: 'yellow',
    autoClose: false,
  });
  return {};
}

async function openLinked(link: DeepLink): Promise<void> {
  const { layout } = link;
  if (layout !== undefined && layout !== useDock.getState().name) applyLayout(layout);
  if (link.align) setAlignMode(link.align);
  if (link.ghosts) usePlayers.setState({ ghosts: true });
  await Promise.all(
    slotNames.map((name) => {
      const id = link[name];
      return id === undefined
        ? null
        : openEpisode(name, id, name === 'a' && link.t === undefined ? 'zero' : 'keep');
    }),
  );
  if (link.active) setActive(link.active);
  // Points lie on the clock of all episodes, so after all of them.
  if (link.in !== undefined) clock.dispatch({ type: 'in', time: link.in });
  if (link.out !== undefined) clock.dispatch({ type: 'out', time: link.out });
  if (link.t !== undefined) clock.dispatch({ type: 'seek', time: link.t });
}

/** Selects a run; its newest episode is opened, or followed while the run is at work, if `open` says so. */
export async function selectRun(id: number, open = true): Promise<void> {
  useRuns.setState({ selected: id });
  if (!open) return;
  const run = useRuns.getState().runs.get(id);
  if (!useRuns.getState().newest.has(id)) {
    const { items } = await lab.episodes.list({ runId: id, sort: 'id', descending: true, limit: 1 });
    const newest = items[0];
    if (newest) useRuns.setState((state) => ({ newest: new Map(state.newest).set(id, newest) }));
  }
  if (useRuns.getState().selected !== id) return;
  if (run && isActive(run)) followRun(id);
  else {
    const newest = useRuns.getState().newest.get(id);
    if (newest && usePlayers.getState().a.loaded?.episode.id !== newest.id) await openEpisode('a', newest.id);
  }
}

/** Puts a run that was just started on screen. */
export async function showStarted(id: number): Promise<void> {
  const runs = await lab.runs.list();
  useRuns.setState({ runs: new Map(runs.map((run) => [run.id, run])), selected: id });
  followRun(id);
  // Where it can be watched; the user has just asked for it, so nothing is taken away.
  focusPanel('runs');
  focusPanel('curves');
}

/** Never returns; survives the lab going away and coming back. */
export async function keepInStep(): Promise<never> {
  for (;;) {
    await whenOpen();
    try {
      await loadAll();
      let cursor = 0;
      for (;;) {
        const news = await lab.watch({ cursor, waitMs: 15_000 });
        cursor = news.cursor;
        take(news.events);
      }
    } catch (error) {
      // Either the connection is gone (whenOpen waits for the next one) or the lab refused; both are tried again.
      console.warn('Lost step with the lab:', error);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
