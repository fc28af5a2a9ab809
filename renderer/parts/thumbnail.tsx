/** One small picture of an episode: its last frame, under pointer or keyboard first, middle and last once in turn. */

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { prefersReducedMotion } from '../state/hooks.ts';
import {
  momentNames,
  stillMoment,
  thumbnailMemory,
  thumbnailOf,
  thumbnailSize,
  wantAllMoments,
  wantThumbnail,
} from '../state/thumbnails.ts';
import { Icon } from './icons.tsx';

/** Milliseconds: how long the pointer rests before the pictures run, and how long each stays. */
const restsFor = 180;
const eachFor = 600;

export function ThumbnailPicture({ id, isAimedAt }: { readonly id: number; readonly isAimedAt: boolean }) {
  const subscribe = useCallback((changed: () => void) => wantThumbnail(id, changed), [id]);
  const thumbnail = useSyncExternalStore(subscribe, () => thumbnailOf(id));
  const isAll = thumbnail?.pictures.every((picture) => picture !== null) === true;
  const runs = isAimedAt && !prefersReducedMotion();
  const [moment, setMoment] = useState(stillMoment);

  useEffect(() => {
    if (!runs) return;
    let leave: () => void = () => undefined;
    const timer = setTimeout(() => {
      leave = wantAllMoments(id);
    }, restsFor);
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [id, runs]);

  // Once, not for as long as the pointer stays: what moves for ever takes the eye off the rest.
  useEffect(() => {
    if (!runs || !isAll) return;
    let next = 0;
    const step = (): void => {
      setMoment(next++);
      if (next === momentNames.length) clearInterval(timer);
    };
    const timer = setInterval(step, eachFor);
    step();
    return () => {
      clearInterval(timer);
      setMoment(stillMoment);
    };
  }, [runs, isAll]);

  const picture = thumbnail?.pictures[moment] ?? null;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    // One that was thrown away meanwhile has no size.
    if (!picture || picture.width === 0) return;
    const paper = canvas.current?.getContext('2d');
    if (!paper || !canvas.current) return;
    paper.clearRect(0, 0, canvas.current.width, canvas.current.height);
    paper.drawImage(picture, 0, 0);
    canvas.current.dataset['memory'] = thumbnailMemory() ?? '';
  }, [picture]);

  if (thumbnail?.absent != null)
    return (
      <span
        className="thumbnail"
        role="img"
        aria-label={`No picture of episode ${id}: ${thumbnail.absent}`}
        title={thumbnail.absent}
        data-testid="thumbnail"
        data-state="absent"
      >
        <Icon name="warning" size={14} />
      </span>
    );
  // Rows that only fly past need no canvas.
  if (!picture) return <span className="thumbnail" data-testid="thumbnail" data-state="waiting" />;
  return (
    <canvas
      ref={canvas}
      className="thumbnail"
      width={2 * thumbnailSize.width}
      height={2 * thumbnailSize.height}
      role="img"
      aria-label={`Episode ${id}, ${momentNames[stillMoment]}`}
      data-testid="thumbnail"
      data-state="drawn"
      data-moment={moment}
    />
  );
}
