/** What the lab tells of an episode for the stage alone: contacts, lidar rays, cameras. Fetched when something draws it, once. */

import type { CameraViewInfo, StageDetailsInfo } from '../../lab/api.ts';
import { type Block, unpack } from '../../lab/pack.ts';
import { lab } from '../lab.ts';
import type { LoadedEpisode } from './opened.ts';

/** Numbers a contact: point, normal from A to B, force along it, friction on B, names of A and B. */
export const contactSize = 12;

export interface StageDetails {
  readonly views: readonly CameraViewInfo[];
  /** Of bodies that touch. */
  readonly names: readonly string[];
  /** [contacts, 12]; null where the task tells none. Frame t has the rows start[t] .. start[t + 1] - 1. */
  readonly contacts: Float32Array | null;
  readonly contactStart: Uint32Array;
  /** [T + 1, 3 + 3 * rays]; null without a lidar. */
  readonly lidar: Float32Array | null;
  readonly rays: number;
}

/** @throws RangeError when the arrays do not fit the episode. */
export function readDetails(info: StageDetailsInfo, block: Block, length: number): StageDetails {
  const { contacts, contactStart, rays: lidar } = unpack(block);
  const { views, names, rays } = info;
  const wanted = (length + 1) * (3 + 3 * rays);
  if (lidar !== undefined && lidar.length !== wanted)
    throw new RangeError(`Lidar rays: found ${lidar.length} numbers, wanted ${wanted}`);
  const isContact = contacts instanceof Float32Array && contactStart instanceof Uint32Array;
  if (isContact && contactStart.length !== length + 2)
    throw new RangeError(`Contacts: found the starts of ${contactStart.length} frames, wanted ${length + 2}`);
  return {
    views,
    names,
    contacts: isContact ? contacts : null,
    contactStart: isContact ? contactStart : new Uint32Array(length + 2),
    lidar: lidar instanceof Float32Array ? lidar : null,
    rays,
  };
}

const known = new WeakMap<LoadedEpisode, Promise<StageDetails>>();

/** The same promise for the same opened episode; one that failed is asked for again. */
export function detailsOf(loaded: LoadedEpisode): Promise<StageDetails> {
  let details = known.get(loaded);
  if (!details) {
    details = lab.stage
      .details({ id: loaded.episode.id })
      .then((info) => readDetails(info, info.data, loaded.length));
    details.catch(() => known.delete(loaded));
    known.set(loaded, details);
  }
  return details;
}
