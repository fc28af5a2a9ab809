import type { OpenedDatabase } from './database.ts';
import type { LineageEdge, Store } from './types.ts';

const nodePattern = /^(run|model|checkpoint|episodes|episode):[1-9]\d*$/;

export function openLineage({ db, write }: OpenedDatabase): Store['lineage'] {
  const insert = db.prepare('INSERT OR IGNORE INTO lineage (from_node, to_node, role) VALUES (?, ?, ?)');
  // Everything the node came from and everything that came from it, but not the siblings that share an ancestor;
  // then all edges among those nodes.
  const around = db.prepare<{ node: string }, LineageEdge>(`WITH RECURSIVE
    before (node) AS (VALUES (@node) UNION SELECT from_node FROM lineage JOIN before ON to_node = node),
    after (node) AS (VALUES (@node) UNION SELECT to_node FROM lineage JOIN after ON from_node = node),
    family (node) AS (SELECT node FROM before UNION SELECT node FROM after)
    SELECT from_node AS "from", to_node AS "to", role FROM lineage
    WHERE from_node IN family AND to_node IN family ORDER BY from_node, to_node, role`);

  return {
    link({ from, to, role }) {
      for (const node of [from, to]) checkNode(node);
      write(() => insert.run(from, to, role));
    },
    around(node) {
      checkNode(node);
      return around.all({ node });
    },
  };
}

function checkNode(node: string): void {
  if (nodePattern.test(node)) return;
  throw new RangeError(`Lineage node ${node}: wanted run:1, model:1, checkpoint:1, episodes:1 or episode:1`);
}
