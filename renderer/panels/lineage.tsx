/** Where the selected run comes from and what came of it: demonstrations, reward model, policy, episodes. */

import { Badge, Code, Stack, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { lab } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { useRuns } from '../state/runs.ts';
import { EmptyHint } from './stage.tsx';

type Lineage = Awaited<ReturnType<typeof lab.runs.lineage>>;
type Details = Awaited<ReturnType<typeof lab.runs.get>>;

const kindColour = { run: 'blue', model: 'orange', episodes: 'teal', checkpoint: 'grape' } as const;

export function LineagePanel() {
  const selected = useRuns((state) => state.selected);
  // Asked again when the run moves on to another phase.
  const phase = useRuns((state) => (selected === null ? '' : state.runs.get(selected)?.phase));
  const [lineage, setLineage] = useState<Lineage | null>(null);
  const [details, setDetails] = useState<Details | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    if (selected === null) return;
    let isOver = false;
    Promise.all([lab.runs.lineage({ id: selected }), lab.runs.get({ id: selected })])
      .then(([nodes, run]) => {
        if (isOver) return;
        setLineage(nodes);
        setDetails(run);
        setError(null);
      })
      .catch((reason: unknown) => {
        if (!isOver) setError(reason instanceof Error ? reason.message : String(reason));
      });
    return () => {
      isOver = true;
    };
  }, [selected, phase]);

  if (selected === null) return <EmptyHint>Select a run to see where it comes from.</EmptyHint>;
  if (error !== null) return <EmptyHint>{error}</EmptyHint>;
  if (!lineage || !details) return <EmptyHint>Asking the lab…</EmptyHint>;
  const titles = new Map(lineage.nodes.map((node) => [node.key, node.title]));
  return (
    <div className="grow-scroll panel-pad" data-testid="lineage">
      <Stack gap="lg">
        <ol className="lineage">
          {lineage.nodes.map((node) => (
            <li key={node.key}>
              <Badge size="xs" radius="sm" variant="light" color={kindColour[node.kind]} className="no-caps">
                {node.kind}
              </Badge>{' '}
              <Text span size="sm" fw={600}>
                {node.title}
              </Text>
              {lineage.edges
                .filter((edge) => edge.from === node.key)
                .map((edge) => (
                  <Text key={`${edge.to}-${edge.role}`} size="xs" c="dimmed" pl={12}>
                    {edge.role} <Icon name="arrowRight" size={9} /> {titles.get(edge.to) ?? edge.to}
                  </Text>
                ))}
            </li>
          ))}
        </ol>
        <div>
          <Text size="sm" fw={600} mb={6}>
            Recipe of this run
          </Text>
          <Code block fz={11}>
            {details.yaml}
          </Code>
        </div>
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
    </div>
  );
}
