/** Where a waiting run stands in the queue, with buttons that move it. */

import { ActionIcon, Group, Text, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { messageOf } from '../state/message.ts';
import { moveInQueue, useQueue } from '../state/queue.ts';
import { Icon } from './icons.tsx';

export function QueuePlace({ id }: { readonly id: number }) {
  const { waiting, most } = useQueue();
  const place = waiting.indexOf(id);
  if (place < 0) return null;
  const move = (to: number): void => {
    moveInQueue(id, to).catch((error: unknown) =>
      notifications.show({
        title: 'The run could not be moved',
        message: messageOf(error),
        color: 'red',
      }),
    );
  };
  return (
    <Group gap={4} wrap="nowrap" data-testid={`queue-place-${id}`}>
      <Tooltip label={`The lab runs ${most} at once`}>
        <Text size="xs" c="dimmed" className="nowrap">
          {place === 0 ? 'next' : `${place + 1} of ${waiting.length}`} in the queue
        </Text>
      </Tooltip>
      <ActionIcon
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={`Run ${id} earlier`}
        disabled={place === 0}
        onClick={() => move(place - 1)}
      >
        <Icon name="arrowUp" size={12} />
      </ActionIcon>
      <ActionIcon
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={`Run ${id} later`}
        disabled={place === waiting.length - 1}
        onClick={() => move(place + 1)}
      >
        <Icon name="arrowDown" size={12} />
      </ActionIcon>
    </Group>
  );
}
