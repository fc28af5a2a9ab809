/** Fork here: who goes on from this frame, paid by what, for how long. */

import {
  Alert,
  Button,
  Group,
  Modal,
  NumberInput,
  Progress,
  SegmentedControl,
  Select,
  Stack,
  Text,
  Textarea,
} from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { ForkActor, ForkChoices, ForkReward } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { startDrive } from '../state/drive.ts';
import { type ForkPoint, forkPoint, startFork, stopFork, useForks } from '../state/forks.ts';
import { useView } from '../state/layout.ts';
import { messageOf } from '../state/message.ts';
import { useRuns } from '../state/runs.ts';

export function ForkDialog() {
  const isOpen = useView((state) => state.dialog === 'fork');
  const isWorking = useForks((state) => state.working !== null);
  const point = isOpen ? forkPoint() : null;
  // Where it was opened: the clock may go on under it.
  const [kept, setKept] = useState(point);
  useEffect(() => {
    if (isOpen) {
      setKept(forkPoint());
      useForks.setState({ error: null });
    }
  }, [isOpen]);
  const close = (): void => {
    if (!isWorking) useView.setState({ dialog: null });
  };
  return (
    <Modal opened={isOpen} onClose={close} title="Fork here" size="md" withCloseButton={!isWorking}>
      {kept ? (
        <Form
          key={`${kept.episode}/${kept.frame}`}
          point={kept}
          onDone={() => useView.setState({ dialog: null })}
        />
      ) : (
        <Text size="sm" c="dimmed">
          Open an episode and go to the moment at which it shall go on otherwise.
        </Text>
      )}
    </Modal>
  );
}

/** `run:3` names a policy. */
type Who = 'expert' | 'keyboard' | 'random' | 'zero' | 'recorded' | `run:${number}`;

function Form({ point, onDone }: { readonly point: ForkPoint; readonly onDone: () => void }) {
  const { slot, episode, frame } = point;
  const [start, setStart] = useState<'edited' | 'recorded'>(point.state ? 'edited' : 'recorded');
  const state = start === 'edited' && point.state ? [...point.state] : undefined;
  const [choices, setChoices] = useState<ForkChoices | null>(null);
  const [who, setWho] = useState<Who>('expert');
  const [checkpoint, setCheckpoint] = useState<string | null>(null);
  const [chance, setChance] = useState<'likeliest' | 'drawn'>('likeliest');
  const [seed, setSeed] = useState<number | string>(0);
  const [pay, setPay] = useState<string>('own');
  const [yaml, setYaml] = useState('');
  const [steps, setSteps] = useState<number | string>('');
  const { working, error } = useForks();
  const [refused, setRefused] = useState<string | null>(null);
  const first = useRef<HTMLInputElement>(null);
  const isKnown = choices !== null;
  useEffect(() => {
    if (isKnown) first.current?.focus();
  }, [isKnown]);
  const readOnly = useRuns((state) => state.info?.readOnly === true);
  const recipes = useRuns((state) => state.catalog?.recipes);
  const task = useRuns((state) => [...state.newest.values()].find(({ id }) => id === episode)?.task);

  useEffect(() => {
    let isOver = false;
    const edited = start === 'edited' && point.state ? { state: [...point.state] } : {};
    lab.forks.choices({ episodeId: episode, frame, ...edited }).then(
      (found) => {
        if (isOver) return;
        setChoices(found);
        if (found.closed !== null && start === 'recorded') setWho('recorded');
      },
      (reason: unknown) => {
        if (!isOver) setRefused(messageOf(reason));
      },
    );
    return () => {
      isOver = true;
    };
  }, [episode, frame, point, start]);

  if (refused !== null && !choices) return <Alert color="red">{refused}</Alert>;
  if (!choices) return <Text size="sm">Asking the lab what can go on from here…</Text>;

  const policy = who.startsWith('run:')
    ? choices.policies.find(({ runId }) => `run:${runId}` === who)
    : undefined;
  const needsSeed = who === 'random' || (policy !== undefined && chance === 'drawn');
  const by = (): ForkActor => {
    if (policy) {
      return {
        kind: 'policy',
        runId: policy.runId,
        ...(checkpoint === null ? {} : { checkpoint: Number(checkpoint) }),
        ...(chance === 'drawn' ? { seed: Number(seed) } : {}),
      };
    }
    return who === 'random' ? { kind: 'random', seed: Number(seed) } : { kind: who as 'expert' };
  };
  const reward = (): ForkReward =>
    pay === 'own'
      ? { kind: 'own' }
      : pay === 'recipe'
        ? { kind: 'recipe', yaml }
        : { kind: 'run', runId: Number(pay) };
  const submit = async (): Promise<void> => {
    setRefused(null);
    if (who === 'keyboard') {
      const problem = await startDrive(slot, episode, frame, reward(), state);
      if (problem === null) onDone();
      else setRefused(problem);
      return;
    }
    const given = typeof steps === 'number' ? { steps } : {};
    const from = { episodeId: episode, frame, ...(state ? { state } : {}) };
    if (await startFork({ ...from, by: by(), reward: reward(), ...given })) onDone();
  };
  const said = refused ?? error;
  const isShut = choices.closed !== null && (state !== undefined || who !== 'recorded');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!working && !isShut) void submit();
      }}
    >
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          Episode {episode} at step {frame} ({(frame * choices.controlDt).toFixed(2)} s). The fork is stored
          {state ? ' as an episode that begins in this state' : ' as a whole episode of its own'}; this one
          stays as it is.
        </Text>
        {point.state && (
          <div>
            <SegmentedControl
              aria-label="From which state"
              fullWidth
              data={[
                { value: 'edited', label: 'From the edited state' },
                { value: 'recorded', label: 'From the recorded frame' },
              ]}
              value={start}
              disabled={working !== null}
              onChange={(value) => setStart(value as typeof start)}
              data-testid="fork-from"
            />
            <Text size="xs" c="dimmed" mt={4} data-testid="fork-changes">
              {state ? `Edited: ${choices.changes.join(', ')}.` : 'The edit is left out of the fork.'}
            </Text>
          </div>
        )}
        <Select
          label="Who goes on"
          data={[
            { value: 'expert', label: 'The expert' },
            { value: 'keyboard', label: 'I do, by keyboard' },
            ...choices.policies.map(({ runId, name, algorithm }) => ({
              value: `run:${runId}`,
              label: `Policy of run ${runId}: ${name} (${algorithm})`,
            })),
            {
              value: 'recorded',
              label: state ? 'Nobody: the same moves' : 'Nobody: the same moves, paid otherwise',
            },
            { value: 'random', label: 'Random actions' },
            { value: 'zero', label: 'Zero action' },
          ]}
          value={who}
          allowDeselect={false}
          ref={first}
          disabled={working !== null}
          onChange={(value) => {
            setWho(value as Who);
            setCheckpoint(null);
            setChance('likeliest');
          }}
          data-testid="fork-who"
          {...(isShut ? { error: choices.closed } : {})}
        />
        {policy && (
          <Group grow align="end">
            <Select
              label="Checkpoint"
              data={policy.checkpoints.map(({ id, step }, i) => ({
                value: String(id),
                label: `${step} steps${i === 0 ? ' (newest)' : ''}`,
              }))}
              value={checkpoint ?? String(policy.checkpoints[0]!.id)}
              allowDeselect={false}
              onChange={setCheckpoint}
            />
            {policy.draws && (
              <SegmentedControl
                aria-label="How it acts"
                data={[
                  { value: 'likeliest', label: 'Likeliest' },
                  { value: 'drawn', label: 'Drawn' },
                ]}
                value={chance}
                onChange={(value) => setChance(value as typeof chance)}
              />
            )}
          </Group>
        )}
        {needsSeed && (
          <NumberInput
            label="Seed"
            description="The same seed, the same fork"
            min={0}
            allowDecimal={false}
            value={seed}
            onChange={setSeed}
          />
        )}
        <Select
          label="Paid by"
          data={[
            {
              value: 'own',
              label: choices.own === null ? 'Nothing, as this episode' : `As this episode (${choices.own})`,
            },
            ...choices.rewards.map(({ runId, name, terms }) => ({
              value: String(runId),
              label: `Run ${runId}: ${name} (${terms})`,
            })),
            { value: 'recipe', label: 'A recipe' },
          ]}
          value={pay}
          allowDeselect={false}
          disabled={working !== null}
          onChange={(value) => {
            setPay(value ?? 'own');
            const known = recipes?.find((one) => task !== undefined && one.yaml.includes(`task: ${task}\n`));
            if (value === 'recipe' && yaml === '') setYaml(known?.yaml ?? '');
          }}
          data-testid="fork-pay"
        />
        {pay === 'recipe' && (
          <Textarea
            label="Recipe"
            description="Only its rewards matter here. Learned ones name a stored model, such as model: 3"
            autosize
            minRows={5}
            maxRows={12}
            value={yaml}
            onChange={(event) => setYaml(event.currentTarget.value)}
            classNames={{ input: 'mono' }}
          />
        )}
        {who !== 'keyboard' && who !== 'recorded' && (
          <NumberInput
            label="For at most"
            description={`Steps; empty: to the end (${choices.horizon - frame} at most)`}
            min={1}
            max={Math.max(1, choices.horizon - frame)}
            allowDecimal={false}
            value={steps}
            onChange={setSteps}
          />
        )}
        {said !== null && (
          <Alert color="red" role="alert" data-testid="fork-error">
            {said}
          </Alert>
        )}
        {working && (
          <Progress
            value={working.total === 0 ? 0 : (100 * working.done) / working.total}
            aria-label={`Step ${working.done} of at most ${working.total}`}
            animated
          />
        )}
        <Group justify="flex-end">
          {readOnly && (
            <Text size="xs" c="dimmed" className="grow">
              This project is read-only: nothing can be stored.
            </Text>
          )}
          {working ? (
            <Button variant="default" onClick={stopFork}>
              Stop
            </Button>
          ) : (
            <Button
              type="submit"
              disabled={isShut || (readOnly && who !== 'keyboard')}
              data-testid="fork-start"
            >
              {who === 'keyboard' ? 'Take the wheel' : 'Fork'}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
