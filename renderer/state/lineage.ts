/** The lineage as a graph to draw: what came from where, laid out in layers from left to right. Pure but for `go`. */

import { Graph, layout } from '@dagrejs/dagre';
import { setEpisodeQuery } from './episodes.ts';
import { openCard } from './judge.ts';
import { focusPanel } from './layout.ts';
import { openEpisode, usePlayers } from './players.ts';
import { selectRun } from './sync.ts';

export type NodeKind = 'run' | 'model' | 'episodes' | 'checkpoint' | 'episode' | 'labels';

export interface LineageNode {
  readonly key: string;
  readonly kind: NodeKind;
  readonly title: string;
  readonly id: number | null;
}

export interface LineageEdge {
  readonly from: string;
  readonly to: string;
  readonly role: string;
}

export interface PlacedNode extends LineageNode {
  /** Its corner. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge extends LineageEdge {
  readonly path: string;
  readonly labelX: number;
  readonly labelY: number;
}

export interface Placed {
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly width: number;
  readonly height: number;
}

export const nodeSize = { width: 176, height: 44 } as const;

/** In layers from top to bottom: panels are higher than wide. */
export function placed(nodes: readonly LineageNode[], edges: readonly LineageEdge[]): Placed {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'TB', nodesep: 18, ranksep: 38, marginx: 10, marginy: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { key } of nodes) graph.setNode(key, { ...nodeSize });
  const known = new Set(nodes.map(({ key }) => key));
  const drawn = edges.filter(({ from, to }) => known.has(from) && known.has(to));
  for (const { from, to, role } of drawn) graph.setEdge(from, to, {}, role);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  return {
    width,
    height,
    nodes: nodes.map((node) => {
      const { x, y } = graph.node(node.key) as { x: number; y: number };
      return { ...node, x: x - nodeSize.width / 2, y: y - nodeSize.height / 2 };
    }),
    edges: drawn.map((edge) => {
      const { points } = graph.edge(edge.from, edge.to, edge.role) as {
        points: readonly { readonly x: number; readonly y: number }[];
      };
      const middle = points[Math.floor(points.length / 2)]!;
      return { ...edge, path: curve(points), labelX: middle.x, labelY: middle.y };
    }),
  };
}

/** Through the middles between the points, so that corners are round. */
function curve(points: readonly { readonly x: number; readonly y: number }[]): string {
  const at = ({ x, y }: { x: number; y: number }): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const [first, ...rest] = points;
  if (!first) return '';
  let path = `M${at(first)}`;
  for (let i = 0; i + 1 < rest.length; i++) {
    const [a, b] = [rest[i]!, rest[i + 1]!];
    path += `Q${at(a)} ${i + 2 === rest.length ? at(b) : at({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 })}`;
  }
  return rest.length === 1 ? `${path}L${at(rest[0]!)}` : path;
}

/** What a click on a node does, in words. */
export const goWords: Readonly<Record<NodeKind, string>> = {
  run: 'select this run',
  model: 'open its card',
  episodes: 'list these episodes',
  labels: 'list the labelled episodes',
  checkpoint: 'select the run that it was trained in',
  episode: 'open this episode',
};

export function go(node: LineageNode, edges: readonly LineageEdge[]): void {
  const { kind, id } = node;
  if (id === null) return;
  switch (kind) {
    case 'run':
      void selectRun(id, false);
      return;
    case 'model':
      focusPanel('judge');
      void openCard(id);
      return;
    case 'episodes':
    case 'labels':
      void selectRun(id, false);
      setEpisodeQuery({ runId: id });
      focusPanel('episodes');
      return;
    case 'checkpoint': {
      const from = edges.find(({ to, role }) => to === node.key && role === 'trained')?.from;
      if (from) void selectRun(Number(from.slice('run:'.length)), false);
      return;
    }
    case 'episode':
      void openEpisode(usePlayers.getState().active, id, 'keep');
  }
}
