/** Everything an episode came from: its run, the policy, the reward models with their demonstrations and labels, its parent. */

import type { Fork, ModelRow, Store } from '../store/types.ts';
import type { EpisodeLineage } from './api/forks.ts';
import { editWords } from './forks.ts';
import type { Lab } from './lab.ts';

type Node = EpisodeLineage['nodes'][number];

const idOf = (node: string): number => Number(node.slice(node.indexOf(':') + 1));

/** Who labelled how many of these episodes with stages. */
function labelSources(store: Store, episodes: readonly number[]): { source: string; episodes: number }[] {
  const counts = new Map<string, number>();
  for (const id of episodes) {
    for (const source of new Set(store.labels.get(id).map((label) => label.source)))
      counts.set(source, (counts.get(source) ?? 0) + 1);
  }
  return [...counts].map(([source, count]) => ({ source, episodes: count }));
}

/** Episodes whose labels are looked at; the rest count as like them. */
const mostLabelled = 500;

/** @throws RangeError when there is no such episode. */
export function episodeLineage(lab: Lab, id: number): EpisodeLineage {
  const { store } = lab;
  const row = store.episodes.get(id);
  const run = store.runs.get(row.runId);
  const nodes = new Map<string, Node>();
  const edges: { from: string; to: string; role: string }[] = [];
  const node = (kind: Node['kind'], nodeId: number, title: string): string => {
    const key = `${kind}:${nodeId}`;
    nodes.set(key, { key, kind, title, id: nodeId });
    return key;
  };
  const edge = (from: string, to: string, role: string): void => {
    if (!edges.some((one) => one.from === from && one.to === to)) edges.push({ from, to, role });
  };
  const me = node('episode', id, `episode ${id}`);

  const demonstrationsOf = (collectRun: number) => {
    const collect = store.runs.get(collectRun);
    const own = store.episodes.ids({ runId: collectRun, kind: 'demonstration' });
    const failures = store.episodes.ids({ runId: collectRun, kind: 'failure' }).length;
    const labels = labelSources(store, own.slice(0, mostLabelled));
    const key = node('episodes', collectRun, `${own.length} demonstrations`);
    return { runId: collectRun, name: collect.name, count: own.length, failures, labels, key };
  };

  // 1. the run, and the policy of the checkpoint that acted
  const runKey = node('run', run.id, run.name);
  edge(runKey, me, 'recorded');
  const incoming = store.lineage.around(me).filter(({ to }) => to === me);
  const played = incoming.find(({ role }) => role === 'played') ?? evaluatedBy(store, row.runId, row.kind);
  let checkpoint: EpisodeLineage['checkpoint'] = null;
  let trainedRun = run.id;
  if (played !== undefined) {
    const { bytes: _, ...found } = store.checkpoints.get(idOf(played.from));
    checkpoint = { id: found.id, runId: found.runId, step: found.step, hash: found.hash };
    trainedRun = found.runId;
    const key = node('checkpoint', found.id, `policy at ${found.step} steps`);
    edge(key, me, 'played');
    if (found.runId !== run.id) {
      const trained = store.runs.get(found.runId);
      edge(node('run', trained.id, trained.name), key, 'trained');
    } else edge(runKey, key, 'trained');
  }

  // 2. the reward models, and what they learned from
  const models: EpisodeLineage['models'] = [];
  const behind = new Map<number, ModelRow>([...lab.modelsBehind(run)]);
  for (const [line, model] of behind) {
    const from = store.runs.get(model.runId).config['demonstrations'] as number;
    const { key, ...demonstrations } = demonstrationsOf(from);
    const modelKey = node('model', model.id, model.method);
    const labelKey = node(
      'labels',
      from,
      demonstrations.labels.map(({ source }) => source).join(', ') || 'none',
    );
    edge(key, labelKey, 'labelled');
    edge(labelKey, modelKey, 'fitted on');
    edge(modelKey, node('run', run.id, run.name), `reward ${line + 1}`);
    models.push({
      id: model.id,
      method: model.method,
      hash: model.hash,
      role: `line ${line + 1} of the reward`,
      demonstrations,
    });
  }

  // 3. demonstrations that the policy itself learned from
  const trainedKey = `run:${trainedRun}`;
  const taught = store.lineage
    .around(trainedKey)
    .find(({ to, role }) => to === trainedKey && role === 'demonstrations');
  let demonstrations: EpisodeLineage['demonstrations'] = null;
  if (taught !== undefined) {
    const { key, runId, name, count } = demonstrationsOf(idOf(taught.from));
    demonstrations = { runId, name, count };
    edge(key, node('run', trainedRun, store.runs.get(trainedRun).name), 'demonstrations');
  }

  // 4. parents and children
  let child = row;
  while (child.fork !== null && child.fork.parent !== null) {
    const parent = store.episodes.get(child.fork.parent);
    edge(node('episode', parent.id, `episode ${parent.id}`), `episode:${child.id}`, forkWords(child.fork));
    child = parent;
  }
  const forks = store.episodes.forksOf(id);
  for (const one of forks.slice(0, mostShown)) {
    const { fork } = store.episodes.get(one);
    edge(me, node('episode', one, `episode ${one}`), forkWords(fork!));
  }

  return {
    episode: { id, title: `episode ${id} of ${run.name}` },
    run: { id: run.id, name: run.name, kind: run.kind },
    checkpoint,
    models,
    demonstrations,
    parent: row.fork === null || row.fork.parent === null ? null : parentOf(row.fork, row.fork.parent),
    forks,
    nodes: [...nodes.values()],
    edges,
  };
}

function forkWords(fork: Fork): string {
  const edited = editWords(fork, 1);
  return edited === null ? `forked at ${fork.frame}` : `edited at ${fork.edited!.frame}: ${edited}`;
}

function parentOf(fork: Fork, id: number): NonNullable<EpisodeLineage['parent']> {
  const edited = editWords(fork, 12);
  return { id, frame: edited === null ? fork.frame : fork.edited!.frame, actor: fork.actor, edited };
}

/** Forks in the graph at most. */
const mostShown = 12;

/** The checkpoint that a run's evaluations were played with; undefined where there were several, or none. */
function evaluatedBy(store: Store, runId: number, kind: string): { readonly from: string } | undefined {
  if (kind !== 'evaluation') return undefined;
  const target = `episodes:${runId}`;
  const found = store.lineage
    .around(target)
    .filter(({ to, role }) => to === target && (role === 'evaluated' || role === 'collected'));
  return found.length === 1 ? found[0] : undefined;
}
