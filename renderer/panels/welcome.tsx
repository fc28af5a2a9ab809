/** What an empty project shows: what this is, and what to do next. */

import { Button, Group, Stack, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { lab } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { focusPanel } from '../state/layout.ts';
import { messageOf } from '../state/message.ts';
import { useRuns } from '../state/runs.ts';
import { showStarted } from '../state/sync.ts';

export function Welcome() {
  const [busy, setBusy] = useState(false);
  const readOnly = useRuns((state) => state.info?.readOnly ?? false);
  async function makeSample(): Promise<void> {
    setBusy(true);
    try {
      const { id } = await lab.sample.create();
      await showStarted(id);
      (await import('../tour.ts')).tourWhenReady();
    } catch (error) {
      notifications.show({
        title: 'The sample could not be started',
        message: messageOf(error),
        color: 'red',
      });
    } finally {
      setBusy(false);
    }
  }
  return (
    <div className="welcome" data-testid="welcome">
      <Stack gap="lg" maw={560}>
        <Stack gap={6}>
          <Title order={2}>This project is empty</Title>
          <Text c="dimmed">
            Reward Lab teaches a robot from a reward that it learned itself: it records demonstrations, fits a
            model of progress to them, trains a policy on that, and shows what the reward says beside what is
            true.
          </Text>
        </Stack>
        <ol className="welcome-steps">
          <li>
            <b>Demonstrate.</b> A scripted expert records episodes.
          </li>
          <li>
            <b>Fit.</b> A reward model learns how far along each frame is.
          </li>
          <li>
            <b>Train.</b> A policy learns from that reward; watch it live here.
          </li>
          <li>
            <b>Compare.</b> Any two episodes, on one clock, term by term.
          </li>
        </ol>
        <Group>
          <Button
            onClick={() => void makeSample()}
            loading={busy}
            disabled={readOnly}
            leftSection={<Icon name="play" size={12} />}
            data-testid="make-sample"
          >
            Make the sample project
          </Button>
          <Button variant="default" onClick={() => focusPanel('new-run')} data-testid="welcome-new-run">
            New run
          </Button>
        </Group>
        <Text size="xs" c="dimmed">
          {readOnly
            ? 'This project was opened read-only: nothing can be run in it.'
            : 'The sample is a short real run on this machine; it takes about half a minute and can be watched from the start.'}
        </Text>
      </Stack>
    </div>
  );
}
