/**
 * One line of edits for the whole window: labels, tags, weights, trash, layout, states that were dragged. Whoever changes something
 * says how to take it back. An edit may be asynchronous (the lab has to write it down); edits follow each other in order.
 */

import { create } from 'zustand';
import { messageOf } from './message.ts';

export interface Edit {
  /** What was done, as it is said after "Undo": `tag episode 12 "good"`. */
  readonly title: string;
  readonly undo: () => void | Promise<void>;
  readonly redo: () => void | Promise<void>;
}

export interface HistoryState {
  readonly done: readonly Edit[];
  readonly undone: readonly Edit[];
  /** Why the last undo or redo did not work, in words. */
  readonly error: string | null;
}

/** Edits that can be taken back. */
export const mostEdits = 200;

export const useHistory = create<HistoryState>()(() => ({ done: [], undone: [], error: null }));

/** Remembers an edit that has just been made; what was undone before can no longer be redone. */
export function remember(edit: Edit): void {
  useHistory.setState(({ done }) => ({
    done: [...done, edit].slice(-mostEdits),
    undone: [],
    error: null,
  }));
}

/** Makes an edit and remembers it. What fails is not remembered. */
export async function perform(edit: Edit): Promise<void> {
  await queued(async () => {
    await edit.redo();
    remember(edit);
  });
}

export const undo = (): Promise<void> => move('done', 'undone', 'undo');
export const redo = (): Promise<void> => move('undone', 'done', 'redo');

let last: Promise<void> = Promise.resolve();

/** One after another, also where the keys come faster than the lab answers. */
function queued(work: () => Promise<void>): Promise<void> {
  const mine = last.then(work);
  last = mine.catch(() => undefined);
  return mine;
}

/** An edit that cannot be taken back stays where it was. */
function move(from: 'done' | 'undone', to: 'done' | 'undone', what: 'undo' | 'redo'): Promise<void> {
  return queued(async () => {
    const edit = useHistory.getState()[from].at(-1);
    if (!edit) return;
    try {
      await edit[what]();
    } catch (error) {
      const why = messageOf(error);
      useHistory.setState({ error: `${what === 'undo' ? 'Undo' : 'Redo'} ${edit.title}: ${why}` });
      return;
    }
    useHistory.setState((state) => ({
      [from]: state[from].filter((one) => one !== edit),
      [to]: [...state[to], edit],
      error: null,
    }));
  });
}
