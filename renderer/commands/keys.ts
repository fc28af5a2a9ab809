/** Shortcuts as text (`mod+k`, `shift+ArrowRight`, `?`) and what they mean for a key press. Pure. */

export interface KeyPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
}

/** Signs are compared as typed, so `?` works on every keyboard; letters and named keys care about shift. */
export function matches(shortcut: string, press: KeyPress): boolean {
  const parts = shortcut.split('+');
  const key = shortcut === '+' ? '+' : parts.at(-1)!;
  const wantsMod = parts.includes('mod');
  const wantsShift = parts.includes('shift');
  if (wantsMod !== (press.ctrlKey || press.metaKey) || press.altKey) return false;
  const named = key.length > 1;
  const isSign = !named && key.toLowerCase() === key.toUpperCase();
  if ((!isSign || wantsShift || wantsMod) && wantsShift !== press.shiftKey) return false;
  if (named) return (key === 'Space' ? ' ' : key) === press.key;
  return key.toLowerCase() === press.key.toLowerCase();
}

const symbols: Readonly<Record<string, string>> = {
  ArrowLeft: 'Left',
  ArrowRight: 'Right',
  ArrowUp: 'Up',
  ArrowDown: 'Down',
  shift: 'Shift',
};

/** For people: `Ctrl K`, `Shift Right`. */
export function shortcutKeys(shortcut: string, isMac: boolean): string[] {
  return shortcut.split('+').map((part) => {
    if (part === 'mod') return isMac ? '⌘' : 'Ctrl';
    return symbols[part] ?? (part.length === 1 ? part.toUpperCase() : part);
  });
}
