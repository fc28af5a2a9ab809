/** A crashed panel shows a card and the rest lives. */

import { Button, Code, Group, Stack, Text } from '@mantine/core';
import { Component, type ReactNode } from 'react';

interface Props {
  readonly title: string;
  readonly children: ReactNode;
}

export class CrashCard extends Component<Props, { readonly error: Error | null }> {
  override state: { readonly error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Stack p="md" gap="sm" role="alert" data-testid="crash-card">
        <Text fw={600}>{this.props.title} stopped</Text>
        <Text size="sm" c="dimmed">
          The other panels are not touched. The reason was:
        </Text>
        <Code block>{error.message}</Code>
        <Group>
          <Button size="xs" variant="default" onClick={() => this.setState({ error: null })}>
            Start it again
          </Button>
        </Group>
      </Stack>
    );
  }
}
