/** The window, and where it was last time. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BrowserWindow, BrowserWindowConstructorOptions, Rectangle } from 'electron';
import { pageUrl, webPreferences } from './security.ts';

export interface Placement extends Rectangle {
  readonly maximized: boolean;
}

const smallest = { width: 960, height: 600 };
const usual = { width: 1440, height: 900 };

/** Null when there is none, it is damaged, or no screen shows enough of it to be dragged back. */
export function readPlacement(file: string, workAreas: readonly Rectangle[]): Placement | null {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
  if (typeof found !== 'object' || found === null) return null;
  const { x, y, width, height, maximized } = found as Record<string, unknown>;
  if (![x, y, width, height].every((value) => Number.isInteger(value))) return null;
  const placement = { x, y, width, height, maximized: maximized === true } as Placement;
  if (placement.width < smallest.width || placement.height < smallest.height) return null;
  const isReachable = workAreas.some(
    (area) =>
      Math.min(placement.x + placement.width, area.x + area.width) - Math.max(placement.x, area.x) >= 100 &&
      placement.y >= area.y &&
      placement.y <= area.y + area.height - 50,
  );
  return isReachable ? placement : null;
}

export function writePlacement(file: string, placement: Placement): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(placement));
  } catch {
    // Where a window was is not worth an error dialog.
  }
}

export function windowOptions(preload: string, placement: Placement | null): BrowserWindowConstructorOptions {
  return {
    ...usual,
    ...(placement && { x: placement.x, y: placement.y, width: placement.width, height: placement.height }),
    minWidth: smallest.width,
    minHeight: smallest.height,
    title: 'Reward Lab',
    show: false,
    backgroundColor: '#101216',
    webPreferences: webPreferences(preload),
  };
}

export interface WindowOptions {
  readonly create: (options: BrowserWindowConstructorOptions) => BrowserWindow;
  readonly preload: string;
  readonly placementFile: string;
  readonly workAreas: readonly Rectangle[];
}

export function openWindow({ create, preload, placementFile, workAreas }: WindowOptions): BrowserWindow {
  const placement = readPlacement(placementFile, workAreas);
  const window = create(windowOptions(preload, placement));
  if (placement?.maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    writePlacement(placementFile, { ...window.getNormalBounds(), maximized: window.isMaximized() });
  });
  void window.loadURL(pageUrl);
  return window;
}
