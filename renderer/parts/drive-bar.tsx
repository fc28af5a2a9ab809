/** Under the stage while somebody drives: the key map, the truth and the pay of the newest step, and who is at the wheel. */

import './drive-bar.css';
import { Button, Menu, Select, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { ForkActor, ForkChoices } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import {
  type DriveState,
  finishDrive,
  setMark,
  setMode,
  setRate,
  singleStep,
  useDrive,
} from '../state/drive.ts';
import { usePlayers } from '../state/players.ts';
import { useRuns } from '../state/runs.ts';
import { Icon } from './icons.tsx';

export function DriveBar() {
  const drive = useDrive((state) => state.drive);
  return drive && <Bar drive={drive} />;
}

function stateWords({ mode, ending, success, by, loaded, frame }: DriveState): string {
  if (ending !== null)
    return success ? 'Success' : ending === 'diverged' ? 'Diverged' : 'The episode is over';
  if (mode === 'keys') return 'You drive';
  if (mode === 'other') return by?.kind === 'expert' ? 'The expert drives' : 'The policy drives';
  return loaded.length === frame ? 'Ready' : 'Paused';
}

function Bar({ drive }: { readonly drive: DriveState }) {
  const { loaded, mode, ending, horizon, keys, down, mark, finishing, frame, rate } = drive;
  const readOnly = useRuns((state) => state.info?.readOnly === true);
  const isSeveral = usePlayers((state) => state.shown.length > 1);
  const isOver = ending !== null;
  const driven = loaded.length - frame;
  const now = loaded.length;
  const pay = loaded.total && now > 0 ? loaded.total[now - 1] : undefined;
  return (
    <section className="drive-bar" aria-label="Driving" data-testid="drive-bar" data-mode={mode}>
      <div className="drive-row">
        <span className="drive-state" role="status" data-testid="drive-state">
          {isSeveral && `${drive.slot.toUpperCase()}: `}
          {stateWords(drive)}
        </span>
        <div className="drive-numbers" data-testid="drive-numbers">
          <span>
            step <b>{now}</b> / {horizon}
          </span>
          <span>
            true <b>{(loaded.trueProgress[now] ?? 0).toFixed(2)}</b>{' '}
            {loaded.stages[loaded.trueStage[now] ?? 0]?.title}
          </span>
          {loaded.learned.map(({ key, title, values }) => (
            <span key={key}>
              learned {title} <b>{values[now]?.toFixed(2) ?? '–'}</b>
            </span>
          ))}
          {pay !== undefined && (
            <span>
              step paid <b>{pay.toFixed(3)}</b>, return <b>{drive.returnTotal.toFixed(2)}</b>
            </span>
          )}
        </div>
      </div>
      <ul className="drive-keys" aria-label="Keys that drive">
        {keys.map((key) => (
          <li
            key={key.codes[0]}
            data-down={key.codes.some((code) => down.has(code)) || undefined}
            title={key.codes.map((code) => code.replace(/^(Key|Digit)/, '')).join(' or ')}
          >
            <kbd>{key.label}</kbd> {key.title}
          </li>
        ))}
        <li>
          <kbd>Shift</kbd> slowly
        </li>
        <li>
          <kbd>P</kbd> pause
        </li>
        <li>
          <kbd>.</kbd> one step
        </li>
        <li>
          <kbd>Esc</kbd> end
        </li>
      </ul>
      <div className="drive-row">
        <Button
          size="compact-xs"
          variant={mode === 'keys' ? 'default' : 'filled'}
          disabled={isOver || finishing}
          onClick={(event) => {
            // The keys are the driver's now, Space included.
            event.currentTarget.blur();
            setMode(mode === 'keys' ? 'paused' : 'keys');
          }}
          leftSection={<Icon name={mode === 'keys' ? 'pause' : 'play'} size={11} />}
          data-testid="drive-go"
        >
          {mode === 'keys' ? 'Pause' : 'Drive'}
        </Button>
        <Button size="compact-xs" variant="default" disabled={isOver || finishing} onClick={singleStep}>
          One step
        </Button>
        <HandOver drive={drive} />
        <Select
          size="xs"
          w={84}
          aria-label="Pace"
          data={[
            { value: '0.25', label: '1/4 x' },
            { value: '0.5', label: '1/2 x' },
            { value: '1', label: '1 x' },
            { value: '2', label: '2 x' },
          ]}
          value={String(rate)}
          allowDeselect={false}
          onChange={(value) => setRate(Number(value))}
        />
        <span className="grow" />
        {(['success', 'failure'] as const).map((one) => (
          <Button
            key={one}
            size="compact-xs"
            variant={mark === one ? 'filled' : 'default'}
            color={one === 'success' ? 'teal' : 'red'}
            aria-pressed={mark === one}
            onClick={() => setMark(one)}
          >
            Call it a {one}
          </Button>
        ))}
        <Button
          size="compact-xs"
          variant="default"
          disabled={finishing}
          onClick={() => void finishDrive(false)}
          data-testid="drive-drop"
        >
          Throw away
        </Button>
        <Button
          size="compact-xs"
          disabled={finishing || driven === 0 || readOnly}
          title={readOnly ? 'This project is read-only' : 'Stored as a fork, beside the episode that it left'}
          onClick={() => void finishDrive(true)}
          data-testid="drive-keep"
        >
          Keep
        </Button>
      </div>
      {drive.error !== null && (
        <Text size="xs" c="var(--lab-bad)" role="alert">
          {drive.error}
        </Text>
      )}
    </section>
  );
}

function HandOver({ drive }: { readonly drive: DriveState }) {
  const { parent, frame, ending, finishing, mode } = drive;
  const [choices, setChoices] = useState<ForkChoices | null>(null);
  useEffect(() => {
    let isOver = false;
    lab.forks.choices({ episodeId: parent, frame }).then(
      (found) => !isOver && setChoices(found),
      () => undefined,
    );
    return () => {
      isOver = true;
    };
  }, [parent, frame]);
  const others: { readonly label: string; readonly by: ForkActor }[] = [
    { label: 'The expert', by: { kind: 'expert' } },
    ...(choices?.policies ?? []).map(({ runId, name }) => ({
      label: `Policy of run ${runId}: ${name}`,
      by: { kind: 'policy' as const, runId },
    })),
    { label: 'Zero action', by: { kind: 'zero' } },
  ];
  return (
    <Menu position="top-start" shadow="md">
      <Menu.Target>
        <Button
          size="compact-xs"
          variant="default"
          disabled={ending !== null || finishing || mode === 'other'}
          data-testid="drive-hand-over"
        >
          Hand over to
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {others.map(({ label, by }) => (
          <Menu.Item key={label} onClick={() => setMode('other', by)}>
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
