/** The name of a number, explained on hover and on focus; Enter or a click opens the page that says more. */

import { Text, Tooltip, UnstyledButton } from '@mantine/core';
import { explain, openPage, useDocs } from '../state/docs.ts';

interface Props {
  readonly name: string;
  /** Algorithm or reward method that logged it: their pages say it best. */
  readonly method?: string | null | undefined;
}

/** Tooltips show plain text. */
const plain = (markdown: string): string =>
  markdown.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');

export function MetricName({ name, method }: Props) {
  const help = useDocs((state) => explain(state.metrics, name, method));
  if (!help) return <span className="truncate">{name}</span>;
  return (
    <Tooltip
      multiline
      maw={340}
      openDelay={300}
      events={{ hover: true, focus: true, touch: false }}
      label={
        <>
          <Text size="xs">{plain(help.help)}</Text>
          <Text size="xs" opacity={0.75} mt={4}>
            Click: {help.page}
          </Text>
        </>
      }
    >
      <UnstyledButton
        className="metric-name truncate"
        aria-label={`${name}: ${plain(help.help)}`}
        onClick={() => void openPage(help.page)}
      >
        {name}
      </UnstyledButton>
    </Tooltip>
  );
}
