/** Save a picture or a clip of the stage: what of it, how large, what is burnt in; progress and stop. */

import {
  Button,
  Checkbox,
  Group,
  Modal,
  NumberInput,
  Progress,
  SegmentedControl,
  Select,
  Stack,
  Text,
} from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { possibleFormats } from '../export/clip.ts';
import { makeClip, makePicture, save, screenWidth, sizeOf } from '../export/export.ts';
import { type ClipFormat, formats, frameTimes } from '../export/plan.ts';
import { stageViews } from '../stage/views.ts';
import { useScheme } from '../state/hooks.ts';
import { useView } from '../state/layout.ts';
import { messageOf } from '../state/message.ts';
import { playedSpan, speeds } from '../state/player.ts';
import { clock, type SlotName, usePlayers } from '../state/players.ts';

const formatTitles: Readonly<Record<ClipFormat, string>> = { webm: 'WebM', mp4: 'MP4', gif: 'GIF' };

export function ExportDialog() {
  const dialog = useView((state) => state.dialog);
  const kind = dialog === 'export-picture' ? 'picture' : dialog === 'export-clip' ? 'clip' : null;
  const [working, setWorking] = useState(false);
  const close = (): void => {
    if (!working) useView.setState({ dialog: null });
  };
  return (
    <Modal
      opened={kind !== null}
      onClose={close}
      title={kind === 'clip' ? 'Save a clip of the stage' : 'Save a picture of the stage'}
      size="md"
      withCloseButton={!working}
      closeOnClickOutside={!working}
    >
      {kind && <Form key={kind} kind={kind} onWorking={setWorking} />}
    </Modal>
  );
}

function Form({
  kind,
  onWorking,
}: {
  readonly kind: 'picture' | 'clip';
  readonly onWorking: (is: boolean) => void;
}) {
  const scheme = useScheme();
  // Ghosts stand in the first one's scene and have no view of their own.
  const shown = usePlayers((state) => state.shown).filter(
    (name) => usePlayers.getState()[name].loaded && stageViews.has(name),
  );
  const active = usePlayers((state) => state.active);
  const [of, setOf] = useState<string>(shown.length > 1 ? 'all' : (shown[0] ?? 'a'));
  const [factor, setFactor] = useState('2');
  const [width, setWidth] = useState('960');
  const [transparent, setTransparent] = useState(false);
  const [burnt, setBurnt] = useState({ title: true, progress: true, terms: false, names: true });
  const [format, setFormat] = useState<ClipFormat>('webm');
  const [possible, setPossible] = useState<readonly ClipFormat[] | null>(null);
  const [fps, setFps] = useState('20');
  const [speed, setSpeed] = useState('1');
  const [from, setFrom] = useState(() => Number(playedSpan(clock.state).low.toFixed(3)));
  const [to, setTo] = useState(() => Number(playedSpan(clock.state).high.toFixed(3)));
  const [progress, setProgress] = useState<number | null>(null);
  const [said, setSaid] = useState<{ readonly text: string; readonly isError: boolean } | null>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);

  const slots: readonly SlotName[] =
    of === 'all'
      ? shown
      : shown.includes(of as SlotName)
        ? [of as SlotName]
        : [shown.includes(active) ? active : shown[0]!];
  const isEmpty = shown.length === 0;
  const [w, h] = isEmpty
    ? [0, 0]
    : sizeOf(slots, kind === 'picture' ? screenWidth(slots) * Number(factor) : Number(width));
  const isPart = from < to;
  const pictures = isPart ? frameTimes(from, to, Number(fps), Number(speed)).length : 0;

  useEffect(() => {
    if (kind !== 'clip' || w === 0) return;
    let isOn = true;
    void possibleFormats(w, h).then((found) => {
      if (!isOn) return;
      setPossible(found);
      setFormat((chosen) => (found.includes(chosen) ? chosen : found[0]!));
    });
    return () => {
      isOn = false;
    };
  }, [kind, w, h]);

  const make = async (): Promise<void> => {
    const shot = { slots, width: w, scheme, transparent, burnt };
    setSaid(null);
    onWorking(true);
    setProgress(0);
    const controller = new AbortController();
    stop.current = controller;
    try {
      const written =
        kind === 'picture'
          ? await makePicture(shot, clock.state.time)
          : await makeClip(
              { ...shot, format, from, to, fps: Number(fps), speed: Number(speed) },
              setProgress,
              controller.signal,
            );
      save(written);
      const size = written.blob.size;
      const many = written.pictures > 1 ? `, ${written.pictures} pictures` : '';
      setSaid({
        text: `${written.name}: ${written.width} × ${written.height}${many}, ${size < 1e6 ? `${Math.ceil(size / 1000)} kB` : `${(size / 1e6).toFixed(1)} MB`}`,
        isError: false,
      });
    } catch (error) {
      setSaid(
        controller.signal.aborted
          ? { text: 'Stopped; nothing was saved', isError: false }
          : { text: messageOf(error), isError: true },
      );
    } finally {
      stop.current = null;
      setProgress(null);
      onWorking(false);
    }
  };

  if (isEmpty) return <Text size="sm">There is no episode on the stage. Open one from the list first.</Text>;
  const burn = (key: keyof typeof burnt, label: string) => (
    <Checkbox
      size="sm"
      label={label}
      checked={burnt[key]}
      onChange={(event) => setBurnt({ ...burnt, [key]: event.currentTarget.checked })}
      data-testid={`burn-${key}`}
    />
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <Stack gap="sm">
        {shown.length > 1 && (
          <Select
            label="Of"
            allowDeselect={false}
            value={of}
            onChange={(value) => value && setOf(value)}
            data={[
              { value: 'all', label: `All ${shown.length} views, as they stand` },
              ...shown.map((name) => ({ value: name, label: `View ${name.toUpperCase()}` })),
            ]}
            data-testid="export-of"
          />
        )}
        {kind === 'picture' ? (
          <div>
            <Text size="sm" fw={600} mb={4} id="export-factor">
              Size
            </Text>
            <SegmentedControl
              fullWidth
              aria-labelledby="export-factor"
              value={factor}
              onChange={setFactor}
              data={['1', '2', '4'].map((value) => ({ value, label: `${value}x` }))}
              data-testid="export-factor"
            />
          </div>
        ) : (
          <>
            <div>
              <Text size="sm" fw={600} mb={4} id="export-format">
                Format
              </Text>
              <SegmentedControl
                fullWidth
                aria-labelledby="export-format"
                value={format}
                onChange={(value) => setFormat(value as ClipFormat)}
                data={formats.map((value) => ({
                  value,
                  label: formatTitles[value],
                  disabled: possible !== null && !possible.includes(value),
                }))}
                data-testid="export-format"
              />
              {possible && possible.length < formats.length && (
                <Text size="xs" c="dimmed" mt={4}>
                  {formats
                    .filter((one) => !possible.includes(one))
                    .map((one) => formatTitles[one])
                    .join(' and ')}
                  : no encoder in this browser.
                </Text>
              )}
            </div>
            <Group grow>
              <Select
                label="Width"
                allowDeselect={false}
                value={width}
                onChange={(value) => value && setWidth(value)}
                data={['480', '640', '960', '1280', '1920'].map((value) => ({ value, label: `${value} px` }))}
                data-testid="export-width"
              />
              <Select
                label="Pictures a second"
                allowDeselect={false}
                value={fps}
                onChange={(value) => value && setFps(value)}
                data={['10', '20', '30', '50', '60']}
                data-testid="export-fps"
              />
              <Select
                label="Speed"
                allowDeselect={false}
                value={speed}
                onChange={(value) => value && setSpeed(value)}
                data={speeds.map((value) => ({
                  value: String(value),
                  label: `${value < 1 ? `1/${1 / value}` : value}x`,
                }))}
                data-testid="export-speed"
              />
            </Group>
            <Group grow align="flex-start">
              <NumberInput
                label="From, s"
                value={from}
                min={0}
                max={clock.state.duration}
                step={0.1}
                decimalScale={3}
                onChange={(value) => setFrom(Number(value) || 0)}
                data-testid="export-from"
              />
              <NumberInput
                label="To, s"
                value={to}
                min={0}
                max={clock.state.duration}
                step={0.1}
                decimalScale={3}
                onChange={(value) => setTo(Number(value) || 0)}
                {...(isPart ? {} : { error: 'wanted after its beginning' })}
                data-testid="export-to"
              />
            </Group>
          </>
        )}
        <Group gap="md">
          {burn('title', 'Title')}
          {burn('progress', 'Progress')}
          {burn('terms', 'Reward terms')}
          {burn('names', 'Names')}
        </Group>
        {kind === 'picture' && (
          <Checkbox
            size="sm"
            label="Transparent ground"
            checked={transparent}
            onChange={(event) => setTransparent(event.currentTarget.checked)}
            data-testid="export-transparent"
          />
        )}
        <Text size="xs" c="dimmed" className="export-size">
          {w} × {h} pixels
          {kind === 'clip' && isPart && `, ${pictures} pictures, ${(pictures / Number(fps)).toFixed(1)} s`}
        </Text>
        {progress !== null && kind === 'clip' && (
          <Progress value={progress * 100} aria-label="How much of the clip is made" />
        )}
        {said && (
          <Text
            size="sm"
            role={said.isError ? 'alert' : 'status'}
            c={said.isError ? 'var(--lab-bad)' : 'var(--lab-good)'}
            data-testid="export-said"
          >
            {said.text}
          </Text>
        )}
        <Group justify="flex-end">
          {progress !== null && kind === 'clip' ? (
            <Button variant="default" onClick={() => stop.current?.abort()} data-testid="export-stop">
              Stop
            </Button>
          ) : (
            <Button variant="default" onClick={() => useView.setState({ dialog: null })}>
              Close
            </Button>
          )}
          <Button
            type="submit"
            loading={progress !== null}
            disabled={kind === 'clip' && !isPart}
            data-testid="export-make"
          >
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
