/** Parts of the window whose code is fetched after the first picture, or when they are first wanted, whichever comes first. */

import { type FunctionComponent, useEffect, useState } from 'react';
import { settled } from '../state/settled.ts';

const fetches = new Set<() => Promise<unknown>>();

/** Draws nothing until its code is there. Code that could not be fetched is an error of the part, and fetched again when that is mounted again. */
export function later(fetch: () => Promise<FunctionComponent>): FunctionComponent {
  let Part: FunctionComponent | null = null;
  const fetchOnce = async (): Promise<void> => {
    Part ??= await fetch();
  };
  fetches.add(fetchOnce);
  return function Later() {
    const [, setThere] = useState(Part !== null);
    const [error, setError] = useState<unknown>(null);
    useEffect(() => {
      if (Part) return;
      let isOver = false;
      fetchOnce().then(
        () => isOver || setThere(true),
        (cause: unknown) => isOver || setError(cause),
      );
      return () => {
        isOver = true;
      };
    }, []);
    if (error !== null) throw error;
    return Part && <Part />;
  };
}

/** Fetches them all, one after the other, so that a panel opens at once and also while the lab is away. */
export async function fetchLater(): Promise<void> {
  await settled;
  for (const fetch of fetches) {
    // Whoever wants it tries again, and says so.
    await fetch().catch((error: unknown) => console.warn('A part of the window:', error));
  }
}
