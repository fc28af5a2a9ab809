/**
 * Recorded episodes on their way from a run's thread to the lab: one buffer and a text for all columns of an episode. As objects of
 * their own, fourteen columns take 12 us to send and 20 us to receive; so, 9 and 6.
 */

import type { Column } from '../store/types.ts';
import { arrayTypes, type TypeName, typeOf } from './pack.ts';
import type { FinishedEpisode } from './recorder.ts';

export interface Parcel {
  readonly episode: Omit<FinishedEpisode, 'columns'>;
  /** Name, type, width, first byte and length of each column, tabs between them, a line a column. */
  readonly layout: string;
  readonly buffer: ArrayBuffer;
}

/** The columns lie in one buffer, which is the parcel's from now on. @throws RangeError where they do not. */
export function wrap({ columns, ...episode }: FinishedEpisode): Parcel {
  const buffer = columns[0]?.data.buffer ?? new ArrayBuffer(0);
  let layout = '';
  for (const { name, width, data } of columns) {
    if (data.buffer !== buffer)
      throw new RangeError(`Column ${name}: found memory of its own, wanted one buffer for all`);
    layout += `${name}\t${typeOf(data)}\t${width}\t${data.byteOffset}\t${data.length}\n`;
  }
  return { episode, layout, buffer: buffer as ArrayBuffer };
}

interface Place {
  readonly name: string;
  readonly type: TypeName;
  readonly width: number;
  readonly first: number;
  readonly length: number;
}

function placesOf(layout: string): Place[] {
  return layout
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [name, type, width, first, length] = line.split('\t');
      return {
        name: name!,
        type: type as TypeName,
        width: Number(width),
        first: Number(first),
        length: Number(length),
      };
    });
}

/** Opens parcels of one run, whose layouts are mostly the same. */
export function unwrapper(): (parcel: Parcel) => FinishedEpisode {
  let known = '';
  let places: Place[] = [];
  return ({ episode, layout, buffer }) => {
    if (layout !== known) {
      places = placesOf(layout);
      known = layout;
    }
    const columns: Column[] = places.map(({ name, type, width, first, length }) => ({
      name,
      width,
      data: new arrayTypes[type](buffer, first, length),
    }));
    return { ...episode, columns };
  };
}
