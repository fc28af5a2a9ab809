/** The probe on stage: the edited state in place of the recorded one, that one as a faint ghost, handles, field, and a word on top. */

import * as three from 'three';
import type { ProbeEvaluated } from '../../lab/api.ts';
import type { Scheme } from '../state/colours.ts';
import { elementName, tidy, unitOf } from '../state/edits.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { clock, usePlayers } from '../state/players.ts';
import {
  isEditedState,
  type ProbeState,
  rememberEdit,
  showState,
  sliceOf,
  titleOfField,
  useProbe,
} from '../state/probe.ts';
import { StageBodies } from './bodies.ts';
import { FieldLayer } from './field.ts';
import { haunt } from './ghosts.ts';
import { HandleLayer } from './handles.ts';
import type { StageLayer } from './layer.ts';
import type { StageView } from './view.ts';
import { onViews, stageViews } from './views.ts';

/** The recorded state behind the edited one. */
class RecordedLayer implements StageLayer {
  readonly object = new three.Group();
  private readonly material = new three.MeshStandardMaterial({
    roughness: 0.6,
    transparent: true,
    opacity: 0.28,
    polygonOffset: true,
    polygonOffsetFactor: 1,
    polygonOffsetUnits: 2,
  });
  private readonly bodies: StageBodies;

  constructor(episode: LoadedEpisode, frame: number) {
    this.bodies = new StageBodies(episode, 'dark');
    haunt(this.bodies, episode, this.material);
    this.bodies.place(episode, frame);
    this.object.add(this.bodies.group);
  }

  scheme(scheme: Scheme): void {
    this.material.color.set(scheme === 'dark' ? '#b9c6d8' : '#5d6b7e');
  }

  dispose(): void {
    this.bodies.dispose();
    this.material.dispose();
  }
}

/** Layers in one view, for one frame. */
interface Shown {
  readonly view: StageView;
  readonly episode: LoadedEpisode;
  readonly frame: number;
  readonly field: FieldLayer;
  readonly handles: HandleLayer;
  readonly banner: HTMLElement;
  readonly leave: readonly (() => void)[];
  recorded: { readonly layer: RecordedLayer; readonly leave: () => void } | null;
  evaluated: ProbeEvaluated | null;
}

/** Keeps the stage at what the probe says; returns how to stop. */
export function showProbe(): () => void {
  let shown: Shown | null = null;

  const clear = (): void => {
    if (!shown) return;
    const { view, leave, field, handles, banner, recorded } = shown;
    shown = null;
    view.stand(null);
    recorded?.leave();
    recorded?.layer.dispose();
    for (const out of leave) out();
    field.dispose();
    handles.dispose();
    banner.remove();
  };

  const refresh = (): void => {
    const probe = useProbe.getState();
    const { session, isParked, evaluated, state } = probe;
    const view = session && stageViews.get(session.slot);
    const episode = session && usePlayers.getState()[session.slot].loaded;
    const isPlaying = clock.state.mode === 'playing';
    if (!session || !view || !episode || isParked || isPlaying || episode.episode.id !== session.episodeId) {
      clear();
      return;
    }
    if (shown && (shown.view !== view || shown.episode !== episode || shown.frame !== session.frame)) clear();
    if (!shown) {
      const host = view.canvas.parentElement!;
      const field = new FieldLayer(host);
      const handles = new HandleLayer(view, host, {
        onState: showState,
        onDone: (what, before) => {
          const now = useProbe.getState().session;
          if (now) rememberEdit(`${what}, frame ${now.frame}`, before);
        },
        onFocus: (handle) => useProbe.setState({ held: handle?.id ?? null }),
      });
      const banner = document.createElement('div');
      banner.className = 'probe-banner';
      host.append(banner);
      shown = {
        view,
        episode,
        frame: session.frame,
        field,
        handles,
        banner,
        leave: [view.add(field), view.add(handles)],
        recorded: null,
        evaluated: null,
      };
    }
    const isEdited = isEditedState(probe);
    if (evaluated && evaluated !== shown.evaluated) {
      shown.evaluated = evaluated;
      shown.view.stand(isEdited ? standIn(episode, evaluated) : null);
    } else if (!isEdited) shown.view.stand(null);
    if (isEdited && !shown.recorded) {
      const layer = new RecordedLayer(episode, session.frame);
      shown.recorded = { layer, leave: view.add(layer) };
    } else if (!isEdited && shown.recorded) {
      shown.recorded.leave();
      shown.recorded.layer.dispose();
      shown.recorded = null;
    }
    shown.banner.hidden = !isEdited;
    shown.banner.textContent = `Edited, no recorded moment: frame ${session.frame} of episode ${session.episodeId}`;
    const seen = evaluated ?? shown.evaluated;
    if (seen && state) shown.handles.show(seen.handles, seen.poses, state);
    if (shown.field.show(probe.found, probe.solid, probe.field, legendOf(probe))) view.redraw();
  };

  const stops = [
    useProbe.subscribe(refresh),
    usePlayers.subscribe(refresh),
    onViews(refresh),
    clock.subscribe(refresh),
  ];
  refresh();
  return () => {
    for (const stop of stops) stop();
    clear();
  };
}

/** An episode of one frame: the edited one. */
const standIn = (episode: LoadedEpisode, { poses, colours }: ProbeEvaluated): LoadedEpisode => ({
  ...episode,
  length: 0,
  poses: Float32Array.from(poses),
  colours: colours ? Float32Array.from(colours, (part) => part ?? Number.NaN) : null,
});

/** What the colour bar stands for, and where the slice is. */
function legendOf(probe: ProbeState): string {
  const { session, state, found } = probe;
  if (!session || !state || !found) return '';
  const slice = sliceOf(probe);
  const { layout } = session.opened;
  const where =
    slice === null
      ? ''
      : ` at ${elementName(layout, slice)} = ${tidy(state[slice]!)} ${unitOf(layout, slice)}`;
  return titleOfField(session, found) + where;
}
