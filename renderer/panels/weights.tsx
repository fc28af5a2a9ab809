/** Weights of the selected run's reward stack, changed while it trains; every change is a version, marked on its curves. */

import './weights.css';
import { Button, Group, NumberInput, Slider, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { lab } from '../lab.ts';
import { perform } from '../state/history.ts';
import { isActive, useRuns } from '../state/runs.ts';
import { type RunWeights, useRunWeights, type WeightLine } from '../state/weights.ts';
import { grouped } from '../timeline/scale.ts';
import { EmptyHint } from './stage.tsx';

const useText: Readonly<Record<string, string>> = {
  shaping: 'as shaping',
  delta: 'as change',
  best: 'as best so far',
  level: 'as level',
};

export function WeightsPanel() {
  const run = useRuns((state) => (state.selected === null ? undefined : state.runs.get(state.selected)));
  const weights = useRunWeights(run?.kind === 'train' ? [run.id] : []);
  if (!run) return <EmptyHint>Select a training run to see the weights of its rewards.</EmptyHint>;
  if (run.kind !== 'train')
    return <EmptyHint>{`Run ${run.id} is a ${run.kind} run; only training runs have weights.`}</EmptyHint>;
  const found = weights.get(run.id);
  if (!found) return <EmptyHint>Asking the lab for the weights…</EmptyHint>;
  return (
    <RunWeightsForm
      key={run.id}
      id={run.id}
      weights={found}
      isTraining={isActive(run) && run.phase === 'training'}
      phase={isActive(run) ? run.phase : run.status}
    />
  );
}

type Wishes = Readonly<Record<number, number | string>>;

/** Why a wish cannot be granted; undefined when it can. */
function problemOf(value: number | string): string | undefined {
  const number = Number(value);
  if (value === '' || !Number.isFinite(number)) return 'A number is missing here';
  return Math.abs(number) > 1000 ? `${number} is outside -1000 to 1000` : undefined;
}

function RunWeightsForm({
  id,
  weights: { lines, marks },
  isTraining,
  phase,
}: {
  readonly id: number;
  readonly weights: RunWeights;
  readonly isTraining: boolean;
  readonly phase: string;
}) {
  const readOnly = useRuns((state) => state.info?.readOnly ?? false);
  const [wishes, setWishes] = useState<Wishes>({});
  /** Asked for, not yet taken up by the trainer. */
  const [sent, setSent] = useState<Wishes>({});
  const [error, setError] = useState('');
  // What has arrived is no wish any more.
  useEffect(() => {
    setSent((before) =>
      Object.fromEntries(
        Object.entries(before).filter(([line, value]) => lines[Number(line)]?.weight !== value),
      ),
    );
  }, [lines]);
  const canChange = isTraining && !readOnly;
  const changed = lines.filter(({ line, weight }) => line in wishes && Number(wishes[line]) !== weight);
  const isWrong = changed.some(({ line }) => problemOf(wishes[line]!) !== undefined);

  async function apply(): Promise<void> {
    const steps = changed.map(({ line, weight, reward }) => ({
      line,
      reward,
      from: weight,
      to: Number(wishes[line]),
    }));
    const send = async (which: 'from' | 'to'): Promise<void> => {
      for (const step of steps) await lab.runs.reweigh({ id, line: step.line, weight: step[which] });
      setSent(Object.fromEntries(steps.map((step) => [step.line, step[which]])));
    };
    try {
      await perform({
        title: `weight of ${steps.map(({ reward, to }) => `${reward} ${to}`).join(', ')} in run ${id}`,
        undo: () => send('from'),
        redo: () => send('to'),
      });
      setWishes({});
      setError('');
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    }
  }

  return (
    <form
      className="panel-column"
      aria-label="Weights of the reward stack"
      data-testid="weights"
      onSubmit={(event) => {
        event.preventDefault();
        if (canChange && changed.length > 0 && !isWrong) void apply();
      }}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard */}
      <section className="grow-scroll panel-pad" tabIndex={0} aria-label="Weights and their changes">
        <Text size="xs" c="dimmed">
          {readOnly
            ? 'This project was opened read-only.'
            : isTraining
              ? 'Changes take effect at the next update, and stay with the run.'
              : `Weights can be changed while a run trains; this one is ${phase}.`}
        </Text>
        {lines.map((line) => (
          <Line
            key={line.line}
            line={line}
            wish={wishes[line.line]}
            sent={sent[line.line]}
            disabled={!canChange}
            onChange={(value) => setWishes((before) => ({ ...before, [line.line]: value }))}
          />
        ))}
        <Text size="sm" fw={500} mt="md" mb={4}>
          Changes
        </Text>
        {marks.length === 0 ? (
          <Text size="xs" c="dimmed">
            None. Each one gets a number, and a line on every curve of the run.
          </Text>
        ) : (
          <table className="weight-changes mono" data-testid="weight-changes">
            <thead>
              <tr>
                <th scope="col">No.</th>
                <th scope="col" className="right">
                  Step
                </th>
                <th scope="col">Reward</th>
                <th scope="col" className="right">
                  Weight
                </th>
              </tr>
            </thead>
            <tbody>
              {marks.map((mark) => (
                <tr key={mark.number}>
                  <td>w{mark.number}</td>
                  <td className="right">{grouped(mark.step)}</td>
                  <td>{mark.reward}</td>
                  <td className="right">
                    {mark.from} to {mark.to}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      <div className="form-foot">
        {error !== '' && (
          <Text size="xs" c="red" mb={6} role="alert">
            {error}
          </Text>
        )}
        <Group gap="sm">
          <Button
            type="submit"
            size="xs"
            disabled={!canChange || changed.length === 0 || isWrong}
            data-testid="apply-weights"
          >
            Apply
          </Button>
          <Button
            size="xs"
            variant="subtle"
            color="gray"
            disabled={changed.length === 0}
            onClick={() => setWishes({})}
          >
            Discard
          </Button>
        </Group>
      </div>
    </form>
  );
}

function Line({
  line: { line, reward, use, initial, weight, isScheduled },
  wish,
  sent,
  disabled,
  onChange,
}: {
  readonly line: WeightLine;
  readonly wish: number | string | undefined;
  readonly sent: number | string | undefined;
  readonly disabled: boolean;
  readonly onChange: (value: number | string) => void;
}) {
  const isNative = useRuns(
    (state) => state.catalog?.rewards.find(({ id }) => id === reward)?.kind === 'native',
  );
  const value = wish ?? sent ?? weight;
  const most = Math.max(1, 2 * Math.abs(initial), 2 * Math.abs(weight));
  const facts = [
    use === null || isNative ? 'native' : (useText[use] ?? use),
    `began with ${initial}`,
    ...(isScheduled ? ['times its schedule'] : []),
    ...(sent === undefined ? [] : ['waits for the next update']),
  ];
  return (
    <div className="weight-line">
      <div>
        <Text size="sm" fw={500} truncate title={reward}>
          {reward}
        </Text>
        <Text size="xs" c="dimmed">
          {facts.join(' · ')}
        </Text>
      </div>
      <NumberInput
        size="xs"
        aria-label={`Weight of ${reward}, line ${line + 1}`}
        leftSection={<span className="dim">×</span>}
        hideControls
        clampBehavior="none"
        value={value}
        disabled={disabled}
        error={wish === undefined ? undefined : problemOf(wish)}
        onChange={onChange}
        data-testid={`weight-${line}`}
      />
      <Slider
        className="weight-slider"
        size="sm"
        min={Math.min(0, -most * Number(initial < 0 || weight < 0))}
        max={most}
        step={most / 100}
        label={null}
        value={Number.isFinite(Number(value)) ? Number(value) : weight}
        disabled={disabled}
        thumbProps={{ 'aria-label': `Weight of ${reward}, line ${line + 1}` }}
        onChange={(next) => onChange(Number(next.toPrecision(3)))}
      />
    </div>
  );
}
