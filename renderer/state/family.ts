/** Which run was made as a part of which: demonstrations, reward models and baselines belong to a training run. Pure. */

import type { Run } from '../../lab/api.ts';

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly role: string;
}

export interface Family {
  /** Parent by child. */
  readonly parents: ReadonlyMap<number, number>;
  /** Baseline by training run. */
  readonly baselines: ReadonlyMap<number, number>;
}

export const noFamily: Family = { parents: new Map(), baselines: new Map() };

const idOf = (key: string, kind: string): number | null =>
  key.startsWith(`${kind}:`) ? Number(key.slice(kind.length + 1)) : null;

/**
 * A part is younger than the run that it was made for, except a baseline; a model of an older run that was only used
 * again stays on its own. While a model is being fitted no edge leads to it yet; there the names tell: the lab calls the
 * parts of `push` `push: demonstrations` and `push: sarm`.
 */
export function familyOf(edges: readonly Edge[], runs: readonly Run[] = []): Family {
  const parents = new Map<number, number>();
  const baselines = new Map<number, number>();
  const makers = new Map<string, number>();
  for (const { from, to, role } of edges) {
    const maker = idOf(from, 'run');
    if (maker !== null && role === 'fitted') makers.set(to, maker);
  }
  const adopt = (child: number, parent: number): void => {
    const known = parents.get(child);
    if (child > parent && (known === undefined || parent < known)) parents.set(child, parent);
  };
  for (const { from, to, role } of edges) {
    const parent = idOf(to, 'run');
    if (parent === null) continue;
    if (role === 'baseline') {
      const of = idOf(from, 'run');
      if (of === null) continue;
      baselines.set(of, parent);
      parents.set(parent, of);
    } else if (role === 'demonstrations') {
      const child = idOf(from, 'episodes');
      if (child !== null) adopt(child, parent);
    } else if (role.startsWith('reward/')) {
      const child = makers.get(from);
      if (child !== undefined) adopt(child, parent);
    }
  }
  for (const { id, kind, name } of runs) {
    if (parents.has(id) || (kind !== 'collect' && kind !== 'fit')) continue;
    const owners = runs.filter(
      (one) => one.kind === 'train' && one.id < id && name.startsWith(`${one.name}: `),
    );
    if (owners.length > 0) parents.set(id, Math.max(...owners.map((owner) => owner.id)));
  }
  return { parents, baselines };
}

export interface RunGroup {
  readonly run: Run;
  readonly parts: readonly Run[];
}

/** In the order given; parts under their run, in the order in which they were made. */
export function grouped(runs: readonly Run[], parents: ReadonlyMap<number, number>): RunGroup[] {
  const known = new Set(runs.map(({ id }) => id));
  const isPart = ({ id }: Run): boolean => known.has(parents.get(id) ?? -1);
  return runs
    .filter((run) => !isPart(run))
    .map((run) => ({
      run,
      parts: runs.filter((one) => parents.get(one.id) === run.id && isPart(one)).sort((a, b) => a.id - b.id),
    }));
}
