/** Starts work of the form it stands in, and stops it while it goes on. */

import { Button } from '@mantine/core';
import { Icon, type IconName } from './icons.tsx';

interface Props {
  /** Begins the test ids: `<name>-start`, `<name>-stop`. */
  readonly name: string;
  readonly title: string;
  readonly icon: IconName;
  readonly isRunning: boolean;
  /** Nothing can be started; a stop always can. */
  readonly isHeld: boolean;
}

/** One button, always of the form: one that turned into another type under the click would do both. */
export function WorkButton({ name, title, icon, isRunning, isHeld }: Props) {
  return (
    <Button
      type="submit"
      size="xs"
      className="no-shrink"
      color={isRunning ? 'red' : 'blue'}
      disabled={!isRunning && isHeld}
      leftSection={<Icon name={isRunning ? 'stop' : icon} size={11} />}
      data-testid={isRunning ? `${name}-stop` : `${name}-start`}
    >
      {isRunning ? 'Stop' : title}
    </Button>
  );
}
