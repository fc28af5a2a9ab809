/**
 * What every view of the stage has beside its bodies, as the stage's menu says: forces at contacts, lidar rays, the robot's
 * cameras, names, the trail's colour, who the camera goes along with. One layer a view; what the lab must tell for it is fetched
 * when an episode comes on stage.
 */

import * as three from 'three';
import type { Scheme } from '../state/colours.ts';
import { detailsOf, type StageDetails } from '../state/details.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { type StageLook, useStageLook } from '../state/stage-look.ts';
import { ForceArrows, strongestOf } from './arrows.ts';
import type { StageLayer } from './layer.ts';
import { LidarRays } from './lidar-rays.ts';
import { NameTags } from './names.ts';
import { eyeOf, Frusta } from './robot-cameras.ts';
import type { StageView } from './view.ts';
import { onViews, stageViews } from './views.ts';

export class Dressing implements StageLayer {
  readonly object = new three.Group();
  private readonly view: StageView;
  private readonly arrows = new ForceArrows();
  private readonly rays = new LidarRays();
  private readonly frusta = new Frusta();
  private readonly names: NameTags;
  private episode: LoadedEpisode | null = null;
  private details: StageDetails | null = null;
  /** Whose details are on their way. */
  private asked: LoadedEpisode | null = null;
  private strongest = 0;
  private frame = 0;
  private readonly stop: () => void;

  constructor(view: StageView) {
    this.view = view;
    this.names = new NameTags(view);
    this.object.add(this.arrows.group, this.rays.group, this.frusta.lines);
    this.stop = useStageLook.subscribe(() => this.apply());
    this.apply();
  }

  load(episode: LoadedEpisode | null): void {
    this.episode = episode;
    this.details = null;
    this.asked = null;
    this.names.load(episode);
    this.apply();
  }

  /** Asks the lab, where something is to be drawn that it must tell. */
  private fetch(look: StageLook): void {
    const { episode } = this;
    if (!episode || this.details || this.asked === episode) return;
    const hasLidar = look.lidar && episode.bodies.some(({ name }) => name === 'lidar');
    if (!hasLidar && !look.contacts && !look.frusta && look.robotView === null) return;
    this.asked = episode;
    detailsOf(episode).then(
      (details) => {
        if (this.episode !== episode) return;
        this.details = details;
        this.strongest = strongestOf(details, episode.bodies);
        this.apply();
      },
      // The stage is whole without; a connection that is lost is told of elsewhere.
      () => {
        if (this.asked === episode) this.asked = null;
      },
    );
  }

  place(_episode: LoadedEpisode, frame: number): void {
    this.frame = frame;
    this.draw();
  }

  scheme(scheme: Scheme): void {
    for (const part of [this.arrows, this.rays, this.frusta]) part.setScheme(scheme);
  }

  dispose(): void {
    this.stop();
    this.names.dispose();
    for (const part of [this.arrows, this.rays, this.frusta]) part.dispose();
  }

  /** As the menu says now. */
  private apply(): void {
    const look = useStageLook.getState();
    this.fetch(look);
    const { view, details, episode } = this;
    view.setTrail(look.trail, look.trailSpan);
    view.setProjection(look.orthographic ? 'orthographic' : 'perspective');
    view.follow(look.follow);
    const through = details?.views.find(({ name }) => name === look.robotView);
    view.lookThrough(through && episode ? (frame) => eyeOf(through, episode, frame) : null);
    this.names.show(look.names, look.frusta && !through ? (details?.views ?? []) : []);
    this.draw();
    view.redraw();
  }

  private draw(): void {
    const { details, episode, view } = this;
    const look: StageLook = useStageLook.getState();
    // What belongs to frames, not to the moments between them.
    const frame = Math.min(Math.floor(this.frame + 1e-6), episode?.length ?? 0);
    this.arrows.group.visible = look.contacts && details?.contacts != null;
    this.rays.group.visible = look.lidar && details?.lidar != null;
    const through = details?.views.some(({ name }) => name === look.robotView) ? look.robotView : null;
    this.frusta.lines.visible = details !== null && (look.frusta || through !== null);
    if (!details || !episode) return;
    if (this.arrows.group.visible)
      this.arrows.place(details, episode.bodies, frame, view.closeReach, this.strongest);
    if (this.rays.group.visible) this.rays.place(details, frame);
    if (this.frusta.lines.visible)
      this.frusta.place(details.views, episode, this.frame, 0.2 * view.reach, through);
  }
}

const dressed = new Map<StageView, () => void>();

/** Dresses the views on screen, and those that come, for as long as the window lives. */
export function dressViews(): void {
  const update = (): void => {
    const open = new Set(stageViews.values());
    for (const view of open) {
      if (dressed.has(view)) continue;
      const layer = new Dressing(view);
      const take = view.add(layer);
      dressed.set(view, () => {
        take();
        layer.dispose();
      });
    }
    for (const [view, undress] of dressed) {
      if (open.has(view)) continue;
      dressed.delete(view);
      undress();
    }
  };
  onViews(update);
  update();
}
