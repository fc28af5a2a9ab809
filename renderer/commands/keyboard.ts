/** Keys to commands. Silent while someone types, while a dialog is open, and where a control has its own use for the key. */

import { commands } from './index.ts';
import { matches } from './keys.ts';

/** One of a few chosen, or on and off: nothing is typed there. */
const chosen = 'input:is([type="radio"], [type="checkbox"])';
const typing =
  'input:not([type="radio"], [type="checkbox"]), textarea, select, [contenteditable="true"], [role="textbox"], [role="combobox"], [role="option"]';
const pressable = 'button, a[href], summary, [role="button"], [role="tab"], [role="switch"]';

/** The focus came by a click: whoever then presses Space means play, not that button once more. */
let byPointer = false;

export function isTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing) return true;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest(typing)) return true;
  if (document.querySelector('[role="dialog"]') && !(event.ctrlKey || event.metaKey)) return true;
  // Arrows and Space choose there, unless a click brought the focus.
  if (!byPointer && (event.key === ' ' || event.key.startsWith('Arrow')) && target?.closest(chosen))
    return true;
  // Space and Enter press the focused button; arrows walk through tabs.
  const own = (event.key === ' ' && !byPointer) || event.key === 'Enter';
  if (own && target?.closest(pressable)) return true;
  return event.key.startsWith('Arrow') && target?.closest('[role="tab"], [role="tablist"]') != null;
}

export function listenToKeyboard(): () => void {
  let isSpaceOurs = false;
  const onPointer = (): void => {
    byPointer = true;
  };
  const onKeyUp = (event: KeyboardEvent): void => {
    // Buttons are pressed when Space is let go.
    if (event.key === ' ' && isSpaceOurs) event.preventDefault();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Tab') byPointer = false;
    if (event.key === ' ') isSpaceOurs = false;
    const isPalette = matches('mod+k', event);
    if (!isPalette && isTaken(event)) return;
    const command = commands.find(({ shortcuts }) => shortcuts.some((shortcut) => matches(shortcut, event)));
    if (!command) return;
    event.preventDefault();
    if (event.key === ' ') isSpaceOurs = true;
    command.run();
  };
  window.addEventListener('keydown', onKey);
  window.addEventListener('keyup', onKeyUp);
  window.addEventListener('pointerdown', onPointer, true);
  return () => {
    window.removeEventListener('keydown', onKey);
    window.removeEventListener('keyup', onKeyUp);
    window.removeEventListener('pointerdown', onPointer, true);
  };
}
