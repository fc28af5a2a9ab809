/** The state probe: numbers of a frame to edit, what truth, rewards and models say of them, a sweep, a field. */

import './probe.css';
import { Alert, Button, Checkbox, Group, NativeSelect, SegmentedControl, Slider, Text } from '@mantine/core';
import { type MouseEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { ProbeEvaluated, ProbeHandle, ProbeQuantity, ProbeStep } from '../../lab/api.ts';
import { runCommand } from '../commands/index.ts';
import { CommandButton } from '../parts/command-button.tsx';
import { Icon } from '../parts/icons.tsx';
import { barCss, barOf, fieldPixels } from '../stage/field.ts';
import { howTo } from '../stage/handles.ts';
import { showProbe } from '../stage/probe.ts';
import { elementName, groupsOf, type Layout, stepOf, tidy, typed, unitOf } from '../state/edits.ts';
import { useHistory } from '../state/history.ts';
import { useScheme } from '../state/hooks.ts';
import { palette } from '../state/layout.ts';
import { usePlayers } from '../state/players.ts';
import {
  closeProbe,
  comeBack,
  edit,
  type FieldPlane,
  handleOf,
  isEditedState,
  leaveEdit,
  type ProbeState,
  planarHandles,
  planesOf,
  rangeFor,
  rememberEdit,
  reset,
  type Session,
  setField,
  setStep,
  setSweep,
  showState,
  sliceOf,
  startProbe,
  titleOf,
  titleOfField,
  titleOfQuantity,
  useProbe,
} from '../state/probe.ts';
import { short } from '../timeline/scale.ts';
import { EmptyHint } from './stage.tsx';

export function ProbePanel() {
  const isOn = useProbe((state) => state.isOn);
  const session = useProbe((state) => state.session);
  useEffect(() => (isOn ? showProbe() : undefined), [isOn]);
  if (!isOn) return <Closed />;
  if (!session) return <Opening />;
  return (
    <div className="panel-column probe" data-testid="probe">
      <Bar session={session} />
      <Notice session={session} />
      <div className="grow-scroll probe-body" tabIndex={-1}>
        <Judgement session={session} />
        <Numbers session={session} />
        <SweepSection session={session} />
        <FieldSection session={session} />
      </div>
    </div>
  );
}

function Closed() {
  const hasEpisode = usePlayers((state) => state[state.active].loaded !== null);
  return (
    <div className="panel-column probe-closed">
      <Text size="sm" c="dimmed">
        What would the rewards say, were the block a hand's breadth further left? Stop at a frame, move things
        or type numbers, and every term, every model and the truth answer.
      </Text>
      <Button size="xs" disabled={!hasEpisode} onClick={startProbe} data-testid="probe-open">
        Probe this frame
      </Button>
      {!hasEpisode && (
        <Text size="xs" c="dimmed">
          Open an episode first.
        </Text>
      )}
    </div>
  );
}

function Opening() {
  const error = useProbe((state) => state.error);
  return (
    <div className="panel-column probe-closed">
      {error ? (
        <Alert color="red" p="xs" role="alert">
          {error}
        </Alert>
      ) : (
        <EmptyHint>Asking the lab…</EmptyHint>
      )}
      <Button size="xs" variant="default" onClick={closeProbe}>
        Close the probe
      </Button>
    </div>
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Where it stands, and what is odd about it

function Bar({ session }: { readonly session: Session }) {
  const isChanged = useProbe(isEditedState);
  const canUndo = useHistory((state) => state.done.length > 0);
  const canRedo = useHistory((state) => state.undone.length > 0);
  return (
    <header className="probe-head">
      <Text size="sm" fw={600} className="truncate" data-testid="probe-frame">
        Frame {session.frame}
        <Text span size="xs" c="dimmed" fw={400}>
          {' '}
          of episode {session.episodeId}
        </Text>
      </Text>
      <span className="grow" />
      <CommandButton command="undo" icon="undo" size="sm" disabled={!canUndo} />
      <CommandButton command="redo" icon="redo" size="sm" disabled={!canRedo} />
      <Button
        size="compact-xs"
        variant="default"
        disabled={!isChanged}
        onClick={reset}
        leftSection={<Icon name="reset" size={11} />}
        data-testid="probe-reset"
      >
        Reset
      </Button>
      <Button
        size="compact-xs"
        variant="subtle"
        color="gray"
        onClick={closeProbe}
        aria-label="Close the probe"
      >
        <Icon name="close" size={11} />
      </Button>
    </header>
  );
}

function Notice({ session }: { readonly session: Session }) {
  const isParked = useProbe((state) => state.isParked);
  const isChanged = useProbe(isEditedState);
  const error = useProbe((state) => state.error);
  return (
    <div className="probe-notice" aria-live="polite">
      {isParked && isChanged && (
        <div className="probe-word" data-kind="parked" data-testid="probe-parked">
          <span>
            You left frame {session.frame}; the edit is kept, and the stage shows what was recorded.
          </span>
          <span className="probe-word-buttons">
            <Button size="compact-xs" variant="default" onClick={() => void comeBack()}>
              Come back to it
            </Button>
            <Button size="compact-xs" variant="subtle" color="gray" onClick={leaveEdit}>
              Drop it
            </Button>
          </span>
        </div>
      )}
      {!isParked && isChanged && (
        <div className="probe-word" data-kind="edited" data-testid="probe-edited">
          <span>Edited: this is no recorded moment. The ghost shows what was.</span>
          <span className="probe-word-buttons">
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => runCommand('fork')}
              title="On from the edited state with the expert, a policy, your keys, or the same moves"
              leftSection={<Icon name="fork" size={11} />}
              data-testid="probe-fork"
            >
              Fork from this state
            </Button>
          </span>
        </div>
      )}
      {error && (
        <div className="probe-word" data-kind="error" role="alert" data-testid="probe-error">
          <span>{error}</span>
        </div>
      )}
    </div>
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// What is said of the state

const signed = (value: number): string =>
  `${value > 0 ? '+' : value < 0 ? '−' : ''}${short(Math.abs(value))}`;

function Change({
  now,
  before,
}: {
  readonly now: number | null | undefined;
  readonly before: number | null | undefined;
}) {
  if (now == null || before == null) return <td className="right mono dim">–</td>;
  const by = now - before;
  const isNone = Math.abs(by) < 5e-7;
  return (
    <td className="right mono probe-change" data-sign={isNone ? undefined : by > 0 ? 'up' : 'down'}>
      {isNone ? '0' : signed(by)}
    </td>
  );
}

const figure = (value: number | null | undefined): string => (value == null ? '–' : short(value));

const stepChoices: readonly { value: ProbeStep; label: string; title: string }[] = [
  { value: 'recorded', label: 'recorded action', title: 'One control step with the action of this frame' },
  { value: 'zero', label: 'no action', title: 'One control step with the zero action' },
  { value: 'still', label: 'standing still', title: 'From this state to itself, without physics' },
];

function Judgement({ session }: { readonly session: Session }) {
  const now = useProbe((state) => state.evaluated);
  const before = useProbe((state) => state.recorded);
  const step = useProbe((state) => state.step);
  const { opened } = session;
  const terms = now?.terms ?? before?.terms ?? [];
  const hasStage = (one: ProbeEvaluated | null): string => (one ? one.truth.stageTitle : '–');
  return (
    <section className="probe-section" aria-label="What is said of this state">
      <table className="probe-table" data-testid="probe-table">
        <thead>
          <tr>
            <th scope="col">Truth</th>
            <th scope="col" className="right">
              here
            </th>
            <th scope="col" className="right" title="Against the recorded frame">
              change
            </th>
          </tr>
        </thead>
        <tbody>
          <tr data-row="progress">
            <th scope="row">true progress</th>
            <td className="right mono">{figure(now?.truth.progress)}</td>
            <Change now={now?.truth.progress} before={before?.truth.progress} />
          </tr>
          <tr data-row="stage">
            <th scope="row">true stage</th>
            <td className="right" colSpan={2}>
              {hasStage(now)}
              {now && before && now.truth.stage !== before.truth.stage && (
                <span className="dim"> (was: {hasStage(before)})</span>
              )}
            </td>
          </tr>
          <tr data-row="success">
            <th scope="row">true success</th>
            <td className="right" colSpan={2}>
              {now ? (now.truth.success ? 'yes' : 'no') : '–'}
              {now && before && now.truth.success !== before.truth.success && (
                <span className="dim"> (was: {before.truth.success ? 'yes' : 'no'})</span>
              )}
            </td>
          </tr>
        </tbody>
      </table>

      <table className="probe-table" data-testid="probe-terms">
        <thead>
          <tr>
            <th scope="col">Reward</th>
            <th scope="col" className="right">
              raw
            </th>
            <th scope="col" className="right">
              paid
            </th>
            <th scope="col" className="right">
              change
            </th>
          </tr>
        </thead>
        <tbody>
          {terms.map((term, i) => {
            const here = now?.terms[i];
            return (
              <tr key={term.id} data-row={term.id}>
                <th scope="row" title={here?.note ?? `${term.title}; weight ${tidy(term.weight)}`}>
                  {term.id}
                </th>
                <td className="right mono">{figure(here?.raw)}</td>
                <td className="right mono">{figure(here?.paid)}</td>
                <Change
                  now={here?.paid ?? here?.raw}
                  before={before?.terms[i]?.paid ?? before?.terms[i]?.raw}
                />
              </tr>
            );
          })}
          {now?.totalNote == null && (
            <tr data-row="total" className="probe-total">
              <th scope="row">total</th>
              <td />
              <td className="right mono">{figure(now?.total)}</td>
              <Change now={now?.total} before={before?.total} />
            </tr>
          )}
          {before?.value != null && (
            <tr data-row="value">
              <th scope="row" title={opened.quantities.find(({ id }) => id === 'value')?.help}>
                critic, newest
              </th>
              <td />
              <td className="right mono">{figure(now?.value)}</td>
              <Change now={now?.value} before={before.value} />
            </tr>
          )}
        </tbody>
      </table>
      <div className="probe-line">
        <NativeSelect
          size="xs"
          aria-label="What the terms are paid for"
          value={step}
          onChange={(event) => setStep(event.currentTarget.value as ProbeStep)}
          data={stepChoices.map(({ value, label }) => ({ value, label }))}
        />
        <Text size="xs" c="dimmed">
          {now?.step ?? opened.action}.
        </Text>
      </div>
      <Text size="xs" c="dimmed">
        {opened.stack}.{now?.totalNote && now.totalNote !== opened.stack ? ` ${now.totalNote}.` : ''}
      </Text>

      {opened.models.length > 0 && <Models session={session} now={now} before={before} />}
      {opened.models.length === 0 && (
        <Text size="xs" c="dimmed">
          No reward model of {opened.task} is stored in this project.
        </Text>
      )}
    </section>
  );
}

function Models({
  session,
  now,
  before,
}: {
  readonly session: Session;
  readonly now: ProbeEvaluated | null;
  readonly before: ProbeEvaluated | null;
}) {
  const models = session.opened.models;
  const remembering = models.some(({ remembers, missing }) => remembers && missing === null);
  return (
    <>
      <table className="probe-table" data-testid="probe-models">
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" className="right">
              learned
            </th>
            <th scope="col" className="right">
              change
            </th>
            <th scope="col" className="right">
              spread
            </th>
          </tr>
        </thead>
        {models.map((model) => {
          const here = now?.models.find(({ id }) => id === model.id);
          const was = before?.models.find(({ id }) => id === model.id);
          const far = here?.distance;
          return (
            <tbody key={model.id}>
              <tr data-row={`model/${model.id}`}>
                <th scope="row" title={model.title}>
                  {model.method} <span className="dim">#{model.id}</span>
                </th>
                <td className="right mono">{figure(here?.value)}</td>
                <Change now={here?.value} before={was?.value} />
                <td
                  className="right mono"
                  title={here?.spread?.over ?? 'One model of this method: no spread'}
                >
                  {here?.spread ? `±${short(here.spread.value)}` : '–'}
                </td>
              </tr>
              <tr className="probe-distance" data-row={`distance/${model.id}`}>
                <td colSpan={4}>
                  {far ? (
                    <>
                      <meter
                        min={0}
                        max={1}
                        high={0.95}
                        optimum={0}
                        value={far.quantile}
                        aria-label={`Distance of ${model.method} model ${model.id} from its training data`}
                      />
                      <span className="mono strong">{far.quantile.toFixed(2)}</span> {far.words}.
                    </>
                  ) : (
                    (here?.note ?? model.missing ?? '')
                  )}
                </td>
              </tr>
            </tbody>
          );
        })}
      </table>
      {remembering && (
        <Text size="xs" c="dimmed">
          To models that remember, the recorded frames before this one are the past.
        </Text>
      )}
    </>
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers

function Numbers({ session }: { readonly session: Session }) {
  const { layout, guardDim } = session.opened;
  const { groups, engine } = useMemo(() => groupsOf(layout, guardDim), [layout, guardDim]);
  const state = useProbe((probe) => probe.state) ?? session.opened.state;
  const held = useProbe((probe) => probe.held);
  const handle = session.opened.handles.find(({ id }) => id === held);
  return (
    <section className="probe-section" aria-label="Numbers of the state">
      <h3>State</h3>
      <Text size="xs" c="dimmed" data-testid="probe-held">
        {handle
          ? `${handle.title}: ${howTo(handle)}.`
          : session.opened.handles.length > 0
            ? `On the stage: ${session.opened.handles
                .map(({ title }) => title)
                .slice(0, 6)
                .join(', ')}. Drag one, or reach it with Tab.`
            : 'Nothing on this stage moves one to one with a number; type numbers here.'}
      </Text>
      {groups.map(({ title, fields }) => (
        <fieldset key={title} className="probe-group">
          <legend>{title}</legend>
          {fields.map((field) => (
            <div key={field.name} className="probe-field">
              <span className="truncate" title={`${field.name}${field.unit ? ` (${field.unit})` : ''}`}>
                {field.name.startsWith(`${title}.`) ? field.name.slice(title.length + 1) : field.name}
              </span>
              <span className="probe-inputs">
                {field.size > 8 ? (
                  <span className="dim">{field.size} numbers</span>
                ) : (
                  Array.from({ length: field.size }, (_, k) => (
                    <NumberBox
                      key={k}
                      session={session}
                      layout={layout}
                      index={field.offset + k}
                      value={state[field.offset + k]!}
                    />
                  ))
                )}
              </span>
              <span className="dim probe-unit truncate" title={field.unit}>
                {field.unit === 'x, y, z, w' ? '' : field.unit}
              </span>
            </div>
          ))}
        </fieldset>
      ))}
      {engine.length > 0 && (
        <Text size="xs" c="dimmed">
          Kept by the physics for its next step, as recorded:{' '}
          {engine.map(({ name, size }) => `${size} ${name}`).join(', ')}.
        </Text>
      )}
    </section>
  );
}

/** Shows the state's number, unless one is being typed. Typing is one edit, from the first key to the last. */
function NumberBox({
  session,
  layout,
  index,
  value,
}: {
  readonly session: Session;
  readonly layout: Layout;
  readonly index: number;
  readonly value: number;
}) {
  const [text, setText] = useState<string | null>(null);
  const before = useRef<readonly number[] | null>(null);
  const recorded = session.opened.state[index]!;
  const isChanged = !Object.is(recorded, value);
  const name = elementName(layout, index);
  const unit = unitOf(layout, index);
  const take = (next: string): void => {
    setText(next);
    const state = useProbe.getState().state;
    if (!state || next.trim() === '') return;
    before.current ??= state;
    // From where typing began, so that digit after digit does not turn a direction further and further.
    showState(typed(before.current, layout, index, Number(next)));
  };
  const done = (): void => {
    setText(null);
    if (before.current) rememberEdit(titleOf(session, index), before.current);
    before.current = null;
  };
  return (
    <input
      type="number"
      className="probe-number mono"
      step={stepOf(unit)}
      value={text ?? tidy(value)}
      aria-label={unit ? `${name}, ${unit}` : name}
      title={isChanged ? `recorded: ${tidy(recorded)}` : undefined}
      data-element={name}
      data-changed={isChanged || undefined}
      onChange={(event) => take(event.currentTarget.value)}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.key === 'Enter') done();
        if (event.key === 'Escape' && before.current) {
          showState(before.current);
          before.current = null;
          setText(null);
        }
      }}
    />
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Sweep

const able = (session: Session): readonly ProbeQuantity[] =>
  session.opened.quantities.filter(({ missing }) => missing === null);

/** Numbers that can be swept: those of the handles first. */
function elementsOf({ opened }: Session): { value: string; label: string }[] {
  const own = opened.handles.flatMap(({ moves, slide, turn, places }) => [
    ...(places?.elements ?? []),
    ...moves.map(({ element }) => element),
    ...(slide ? [slide.element] : []),
    ...(turn?.kind === 'angle' ? [turn.element] : []),
  ]);
  const all = Array.from({ length: opened.guardDim - 1 }, (_, i) => i + 1);
  return [...new Set([...own, ...all])].map((element) => ({
    value: String(element),
    label: `${elementName(opened.layout, element)}${unitOf(opened.layout, element) ? `, ${unitOf(opened.layout, element)}` : ''}`,
  }));
}

function SweepSection({ session }: { readonly session: Session }) {
  const sweep = useProbe((state) => state.sweep);
  const swept = useProbe((state) => state.swept);
  const error = useProbe((state) => state.sweepError);
  const options = useMemo(() => elementsOf(session), [session]);
  const quantities = able(session);
  const unused = quantities.filter(({ id }) => !sweep.quantities.includes(id));
  return (
    <section className="probe-section" aria-label="Sweep">
      <h3>Sweep</h3>
      <div className="probe-line">
        <NativeSelect
          size="xs"
          className="grow"
          aria-label="Number that is swept"
          data={options}
          value={String(sweep.element ?? '')}
          onChange={(event) => setSweep(rangeFor(session.opened, Number(event.currentTarget.value)))}
        />
        <EndBox label="from" value={sweep.from} onValue={(from) => setSweep({ from })} />
        <EndBox label="to" value={sweep.to} onValue={(to) => setSweep({ to })} />
      </div>
      {swept && swept.element === sweep.element && <Curves session={session} />}
      <ul className="probe-chips">
        {sweep.quantities.map((id) => (
          <Chip key={id} session={session} id={id} />
        ))}
      </ul>
      {sweep.quantities.length < 8 && (
        <NativeSelect
          size="xs"
          aria-label="Add a curve"
          value=""
          data={[
            { value: '', label: 'Add a curve…' },
            ...unused.map(({ id, title }) => ({ value: id, label: title })),
          ]}
          onChange={(event) => {
            if (event.currentTarget.value !== '')
              setSweep({ quantities: [...sweep.quantities, event.currentTarget.value] });
          }}
        />
      )}
      {(error ?? (swept && swept.refused > 0)) && (
        <Text size="xs" c="var(--lab-warn)">
          {error ?? `${swept!.refused} states are left out: ${swept!.why}`}
        </Text>
      )}
    </section>
  );
}

function EndBox({
  label,
  value,
  onValue,
}: {
  readonly label: string;
  readonly value: number;
  readonly onValue: (value: number) => void;
}) {
  const [text, setText] = useState<string | null>(null);
  return (
    <input
      type="number"
      className="probe-number mono"
      aria-label={label}
      title={label}
      step={0.05}
      value={text ?? tidy(value)}
      onChange={(event) => {
        setText(event.currentTarget.value);
        const next = Number(event.currentTarget.value);
        if (event.currentTarget.value.trim() !== '' && Number.isFinite(next)) onValue(next);
      }}
      onBlur={() => setText(null)}
    />
  );
}

const colourOf = (id: string, scheme: 'dark' | 'light'): string =>
  palette.colour(id === 'progress' ? 'progress/true' : `probe/${id}`, scheme);

function Chip({ session, id }: { readonly session: Session; readonly id: string }) {
  const scheme = useScheme();
  const title = titleOfQuantity(session, id);
  return (
    <li>
      <span className="probe-swatch" style={{ background: colourOf(id, scheme) }} />
      {title}
      <button
        type="button"
        aria-label={`Take out ${title}`}
        onClick={() =>
          setSweep({ quantities: useProbe.getState().sweep.quantities.filter((one) => one !== id) })
        }
      >
        <Icon name="close" size={9} />
      </button>
    </li>
  );
}

const plot = { width: 320, height: 120, left: 34, right: 6, top: 8, bottom: 16 } as const;

/** Lines in a fixed box: a value of the swept number to the right, what is said upwards. A click takes that number. */
function Curves({ session }: { readonly session: Session }) {
  const swept = useProbe((state) => state.swept)!;
  const state = useProbe((probe) => probe.state) ?? session.opened.state;
  const scheme = useScheme();
  const all = swept.curves.flatMap(({ values }) => values.filter((value) => value !== null));
  const low = Math.min(0, ...all);
  const high = Math.max(low + 1e-9, ...all);
  const [from, to] = [swept.at[0]!, swept.at.at(-1)!];
  const x = (value: number): number =>
    plot.left + ((value - from) / (to - from)) * (plot.width - plot.left - plot.right);
  const y = (value: number): number =>
    plot.height - plot.bottom - ((value - low) / (high - low)) * (plot.height - plot.top - plot.bottom);
  const here = state[swept.element]!;
  const was = session.opened.state[swept.element]!;
  const name = elementName(session.opened.layout, swept.element);
  const take = (event: MouseEvent<SVGSVGElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * plot.width;
    const value = from + ((at - plot.left) / (plot.width - plot.left - plot.right)) * (to - from);
    if (value < from || value > to) return;
    edit(titleOf(session, swept.element), typed(state, session.opened.layout, swept.element, value));
  };
  const said = swept.curves.map(({ quantity, values }) => {
    const real = values.filter((value) => value !== null);
    return `${titleOfQuantity(session, quantity)} from ${short(Math.min(...real))} to ${short(Math.max(...real))}`;
  });
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the same edit is made by keyboard in the number boxes
    <svg
      className="probe-curves"
      viewBox={`0 0 ${plot.width} ${plot.height}`}
      role="img"
      aria-label={`${name} from ${tidy(from)} to ${tidy(to)}: ${said.join('; ')}`}
      data-testid="probe-sweep"
      onClick={take}
    >
      <title>{`Click: take this ${name}`}</title>
      {[low, high].map((value) => (
        <g key={value}>
          <line
            className="probe-grid"
            x1={plot.left}
            x2={plot.width - plot.right}
            y1={y(value)}
            y2={y(value)}
          />
          <text x={plot.left - 4} y={y(value) + 3} textAnchor="end">
            {tidy(Number(value.toPrecision(2)))}
          </text>
        </g>
      ))}
      {[from, to].map((value, i) => (
        <text key={value} x={x(value)} y={plot.height - 4} textAnchor={i === 0 ? 'start' : 'end'}>
          {tidy(value)}
        </text>
      ))}
      {was >= from && was <= to && (
        <line className="probe-was" x1={x(was)} x2={x(was)} y1={plot.top} y2={plot.height - plot.bottom} />
      )}
      {swept.curves.map(({ quantity, values }) => (
        <path key={quantity} d={pathOf(swept.at.map(x), values, y)} stroke={colourOf(quantity, scheme)} />
      ))}
      {here >= from && here <= to && (
        <line className="probe-here" x1={x(here)} x2={x(here)} y1={plot.top} y2={plot.height - plot.bottom} />
      )}
    </svg>
  );
}

/** Broken where there is no value. */
function pathOf(
  xs: readonly number[],
  values: readonly (number | null)[],
  y: (value: number) => number,
): string {
  let isOpen = false;
  return values
    .map((value, i) => {
      if (value === null) {
        isOpen = false;
        return '';
      }
      const command = isOpen ? 'L' : 'M';
      isOpen = true;
      return `${command}${xs[i]!.toFixed(1)} ${y(value).toFixed(1)}`;
    })
    .join('');
}

// ---------------------------------------------------------------------------------------------------------------------
// Field

const planeTitles: Readonly<Record<FieldPlane, string>> = {
  xy: 'over the table (x, y)',
  xz: 'upright (x, z)',
  yz: 'upright (y, z)',
  free: 'any two numbers',
};

function FieldSection({ session }: { readonly session: Session }) {
  const probe = useProbe();
  const { field, found, fieldError } = probe;
  const quantities = able(session).map(({ id, title }) => ({ value: id, label: title }));
  const handle = handleOf(probe);
  const planar = planarHandles(session.opened.handles);
  const slice = sliceOf(probe);
  const elements = useMemo(() => elementsOf(session), [session]);
  return (
    <section className="probe-section" aria-label="Field">
      <h3>
        Field
        <Checkbox
          size="xs"
          label="shown"
          checked={field.isOn}
          onChange={(event) => setField({ isOn: event.currentTarget.checked })}
          data-testid="field-on"
        />
      </h3>
      {field.isOn && (
        <>
          <div className="probe-pairs">
            <span>of</span>
            <NativeSelect
              size="xs"
              aria-label="Quantity of the field"
              data={quantities}
              value={field.quantity ?? ''}
              onChange={(event) => setField({ quantity: event.currentTarget.value })}
            />
            <span>less</span>
            <NativeSelect
              size="xs"
              aria-label="Quantity that is taken away"
              data={[{ value: '', label: 'nothing' }, ...quantities]}
              value={field.minus ?? ''}
              onChange={(event) => setField({ minus: event.currentTarget.value || null })}
            />
            {planar.length > 0 && field.plane !== 'free' && (
              <>
                <span>moving</span>
                <NativeSelect
                  size="xs"
                  aria-label="Body that is moved about"
                  data={planar.map(({ id, title }) => ({ value: id, label: title }))}
                  value={field.handle ?? ''}
                  onChange={(event) => setField({ handle: event.currentTarget.value })}
                />
              </>
            )}
            <span>plane</span>
            <NativeSelect
              size="xs"
              aria-label="Plane of the field"
              data={planesOf(handle).map((plane) => ({ value: plane, label: planeTitles[plane] }))}
              value={field.plane}
              onChange={(event) => setField({ plane: event.currentTarget.value as FieldPlane })}
            />
            {field.plane === 'free' &&
              ([0, 1] as const).map((n) => (
                <FreeAxis key={n} n={n} elements={elements} free={field.free ?? [1, 2]} />
              ))}
          </div>
          <Group gap="sm">
            <Checkbox
              size="xs"
              label={field.minus === null ? 'by its own range' : 'each by its own range'}
              checked={field.normalise}
              onChange={(event) => setField({ normalise: event.currentTarget.checked })}
            />
            <SegmentedControl
              size="xs"
              aria-label="Points of the field along each axis"
              data={['32', '64', '128']}
              value={String(field.count)}
              onChange={(count) => setField({ count: Number(count) })}
            />
            <ReachBox session={session} probe={probe} />
          </Group>
          {slice !== null && handle && <SliceSlider session={session} element={slice} handle={handle} />}
          {field.plane !== 'free' && (
            <Group gap="sm" role="group" aria-label="How the field is drawn on the stage">
              {(
                [
                  ['map', 'heat map'],
                  ['lines', 'lines'],
                  ['arrows', 'arrows uphill'],
                  ...(slice === null ? [] : [['surface', 'surface'] as const]),
                ] as const
              ).map(([key, label]) => (
                <Checkbox
                  key={key}
                  size="xs"
                  label={label}
                  checked={field[key]}
                  onChange={(event) => setField({ [key]: event.currentTarget.checked })}
                />
              ))}
            </Group>
          )}
          {field.surface && slice !== null && <LevelSlider probe={probe} />}
          {found && <FieldMap session={session} />}
          {fieldError && (
            <Text size="xs" c="var(--lab-bad)" role="alert">
              {fieldError}
            </Text>
          )}
        </>
      )}
    </section>
  );
}

function FreeAxis({
  n,
  elements,
  free,
}: {
  readonly n: 0 | 1;
  readonly elements: { value: string; label: string }[];
  readonly free: readonly [number, number];
}) {
  return (
    <>
      <span>{n === 0 ? 'across' : 'up'}</span>
      <NativeSelect
        size="xs"
        aria-label={n === 0 ? 'Number across' : 'Number upwards'}
        data={elements.filter(({ value }) => value !== String(free[1 - n]))}
        value={String(free[n])}
        onChange={(event) => {
          const element = Number(event.currentTarget.value);
          setField({ free: n === 0 ? [element, free[1]] : [free[0], element], reach: null });
        }}
      />
    </>
  );
}

function ReachBox({ session, probe }: { readonly session: Session; readonly probe: ProbeState }) {
  const axis = probe.found?.axes[0];
  const reach = probe.field.reach ?? (axis ? (axis.to - axis.from) / 2 : null);
  if (reach === null || !axis) return null;
  const unit = unitOf(session.opened.layout, axis.element);
  return (
    <span className="probe-reach">
      <span>±</span>
      <EndBox
        label={`Half of the range, ${unit}`}
        value={reach}
        onValue={(value) => {
          if (value > 0) setField({ reach: value });
        }}
      />
      <span className="dim">{unit}</span>
    </span>
  );
}

/** Drags the whole field through the third axis; one edit from press to release. */
function SliceSlider({
  session,
  element,
  handle,
}: {
  readonly session: Session;
  readonly element: number;
  readonly handle: ProbeHandle;
}) {
  const state = useProbe((probe) => probe.state) ?? session.opened.state;
  const before = useRef<readonly number[] | null>(null);
  const middle = session.opened.state[element]!;
  const [low, high] = [Math.min(middle, 0) - 0.02, Math.max(middle, 0) + 0.3];
  const name = elementName(session.opened.layout, element);
  return (
    <div className="probe-slice">
      <span>slice</span>
      <Slider
        size="xs"
        min={low}
        max={high}
        step={0.005}
        value={state[element]!}
        label={(value) => `${name} = ${tidy(value)}`}
        thumbLabel={`Slice: ${name} of ${handle.title}`}
        data-testid="field-slice"
        onChange={(value) => {
          const now = useProbe.getState().state;
          if (!now) return;
          before.current ??= now;
          showState(typed(now, session.opened.layout, element, value));
        }}
        onChangeEnd={() => {
          if (before.current) rememberEdit(titleOf(session, element), before.current);
          before.current = null;
        }}
      />
      <span className="mono">{tidy(Number(state[element]!.toFixed(3)))} m</span>
    </div>
  );
}

function LevelSlider({ probe }: { readonly probe: ProbeState }) {
  const { solid, field } = probe;
  const value = solid ? solid.low + (solid.high - solid.low) * field.level : null;
  return (
    <div className="probe-slice">
      <span>surface</span>
      <Slider
        size="xs"
        min={0.02}
        max={0.98}
        step={0.02}
        value={field.level}
        label={null}
        thumbLabel="Value of the surface"
        onChange={(level) => setField({ level })}
      />
      <span className="mono">{value === null ? '…' : tidy(value)}</span>
    </div>
  );
}

/** The field as a small picture, also where its axes are no axes of the world. A click takes the two numbers. */
function FieldMap({ session }: { readonly session: Session }) {
  const found = useProbe((state) => state.found)!;
  const state = useProbe((probe) => probe.state) ?? session.opened.state;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, axes, low, high } = found;
  const { layout } = session.opened;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    // The first row of the field is its lowest, that of a picture its highest.
    const pixels = fieldPixels(found);
    const image = context.createImageData(found.width, found.height);
    for (let y = 0; y < found.height; y++) {
      const from = (found.height - 1 - y) * found.width * 4;
      image.data.set(pixels.subarray(from, from + found.width * 4), y * found.width * 4);
    }
    context.putImageData(image, 0, 0);
  }, [found]);
  const [x, y] = [axes[0]!, axes[1]!];
  const share = ({ element, from, to }: typeof x): number => (state[element]! - from) / (to - from);
  const [u, v] = [share(x), share(y)];
  const bar = barOf(found);
  const names = [x, y].map(({ element }) => elementName(layout, element));
  const take = (event: MouseEvent<HTMLDivElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    const next = [...state];
    for (const [n, { element, from, to }] of [x, y].entries()) next[element] = from + at[n]! * (to - from);
    edit(`${names.join(' and ')} of frame ${session.frame}`, next);
  };
  return (
    <figure className="probe-map" data-testid="field-map" data-low={low} data-high={high}>
      <figcaption className="truncate">{titleOfField(session, found)}</figcaption>
      {/* The same numbers are typed above. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the same edit is made by keyboard in the number boxes */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above */}
      <div className="probe-map-room" onClick={take} title={`Click: take these ${names.join(' and ')}`}>
        <canvas
          ref={canvas}
          width={width}
          height={height}
          role="img"
          aria-label={`${titleOfField(session, found)} over ${names.join(' and ')}, from ${short(low)} to ${short(high)}`}
        />
        {u >= 0 && u <= 1 && v >= 0 && v <= 1 && (
          <span className="probe-cross" style={{ left: `${u * 100}%`, top: `${(1 - v) * 100}%` }} />
        )}
      </div>
      <div className="probe-map-axis">
        <span>{tidy(Number(x.from.toFixed(3)))}</span>
        <span>{names[0]} across</span>
        <span>{tidy(Number(x.to.toFixed(3)))}</span>
      </div>
      <div className="probe-map-up">
        {names[1]} up, {tidy(Number(y.from.toFixed(3)))} to {tidy(Number(y.to.toFixed(3)))}
      </div>
      <div className="probe-bar" style={{ background: barCss(found) }} />
      <div className="probe-bar-ends">
        <span>{tidy(bar.low)}</span>
        <span className="dim">{Math.round(found.milliseconds)} ms in the lab</span>
        <span>{tidy(bar.high)}</span>
      </div>
      {found.minus !== null && (
        <Text size="xs" c="dimmed">
          {found.normalise ? 'Each brought to 0 to 1 by its own range here: ' : 'As they are: '}
          {found.ranges
            .map(
              (range) =>
                `${titleOfQuantity(session, range.quantity)} ${short(range.low)} to ${short(range.high)}`,
            )
            .join(', ')}
          .
        </Text>
      )}
      {found.refused > 0 && (
        <Text size="xs" c="var(--lab-warn)">
          {found.refused} states are left out: {found.why}
        </Text>
      )}
    </figure>
  );
}
