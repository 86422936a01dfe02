/** Where a shortcut works: the groups of the dialog that lists them, in its order. */
export const SHORTCUT_GROUPS = {
  page: 'Everywhere',
  session: 'In a session',
  search: 'While searching a session',
  terminal: 'In a terminal',
  message: 'While writing a message',
  card: 'When the agent asks',
  queue: 'On a message of the queue',
  list: 'In a list or a group of choices',
  dialog: 'In a dialog',
} as const;

export interface Shortcut {
  group: keyof typeof SHORTCUT_GROUPS;
  /** Each combination does the same. `Ctrl` is also ⌘. */
  keys: readonly string[];
  does: string;
}

/** Every key of the page. The handlers read it by `isPressed`, and the dialog shows it: no key is missing in either. */
export const SHORTCUTS = {
  switch: { group: 'page', keys: ['Ctrl+K', '/'], does: 'Switch session' },
  new: { group: 'page', keys: ['N'], does: 'New session' },
  help: { group: 'page', keys: ['?'], does: 'Show keyboard shortcuts' },

  find: {
    group: 'session',
    keys: ['Ctrl+F'],
    does: 'Search in the session. Press it again for the search of the browser, which finds only what is drawn',
  },
  beginning: { group: 'session', keys: ['Home'], does: 'Go to the beginning' },
  end: { group: 'session', keys: ['End'], does: 'Go to the end' },
  compose: { group: 'session', keys: ['I'], does: 'Write a message' },
  panel: {
    group: 'session',
    keys: ['Ctrl+`', 'Ctrl+F6'],
    does: 'Go to the host panel, and from there back to the message',
  },
  stop: { group: 'session', keys: ['Escape'], does: 'Stop the agent' },

  findNext: { group: 'search', keys: ['Enter'], does: 'Next match' },
  findPrevious: { group: 'search', keys: ['Shift+Enter'], does: 'Previous match' },
  findClose: { group: 'search', keys: ['Escape'], does: 'Close the search' },

  leaveTerminal: {
    group: 'terminal',
    keys: ['Ctrl+`', 'Ctrl+F6'],
    does: 'Leave the terminal. Every other key, also Tab, goes to the program',
  },
  findInTerminal: { group: 'terminal', keys: ['Ctrl+Shift+F'], does: 'Search in the output' },
  copyFromTerminal: { group: 'terminal', keys: ['Ctrl+Shift+C'], does: 'Copy what is selected' },
  pasteIntoTerminal: { group: 'terminal', keys: ['Ctrl+Shift+V'], does: 'Paste' },

  send: { group: 'message', keys: ['Enter'], does: 'Send' },
  complete: {
    group: 'message',
    keys: ['Tab', 'Enter'],
    does: 'Take the chosen command after a /, or the chosen file after an @',
  },

  choice: {
    group: 'card',
    keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9'],
    does: 'Choose the answer of this number',
  },
  leaveCard: { group: 'card', keys: ['Escape'], does: 'Go to the message' },

  editQueued: { group: 'queue', keys: ['Enter'], does: 'Edit' },
  moveUp: { group: 'queue', keys: ['Alt+ArrowUp'], does: 'Move up' },
  moveDown: { group: 'queue', keys: ['Alt+ArrowDown'], does: 'Move down' },
  takeOut: { group: 'queue', keys: ['Delete', 'Backspace'], does: 'Take out' },

  previous: { group: 'list', keys: ['ArrowUp'], does: 'Previous' },
  next: { group: 'list', keys: ['ArrowDown'], does: 'Next' },
  inward: { group: 'list', keys: ['ArrowRight'], does: 'Open, or go to what belongs to the entry' },
  outward: { group: 'list', keys: ['ArrowLeft'], does: 'Close, or go to what the entry belongs to' },
  first: { group: 'list', keys: ['Home'], does: 'First' },
  last: { group: 'list', keys: ['End'], does: 'Last' },

  submit: { group: 'dialog', keys: ['Ctrl+Enter'], does: 'Start the session, approve the edited plan' },
  dismiss: { group: 'dialog', keys: ['Escape'], does: 'Close' },
} as const satisfies Record<string, Shortcut>;

export type ShortcutName = keyof typeof SHORTCUTS;

/** What `isPressed` reads of a keyboard event. */
export type KeyPress = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** Whether an event is one of the combinations of a shortcut. */
export function isPressed(event: KeyPress, name: ShortcutName): boolean {
  const { keys }: Shortcut = SHORTCUTS[name];
  return keys.some((combination) => fits(event, combination));
}

function fits(event: KeyPress, combination: string): boolean {
  const parts = combination.split('+');
  const key = parts.at(-1)!;
  const wants = (modifier: string) => parts.slice(0, -1).includes(modifier);
  if ((event.ctrlKey || event.metaKey) !== wants('Ctrl') || event.altKey !== wants('Alt')) return false;
  // The keyboard decides whether a sign takes Shift; a letter and a named key say so.
  const isSign = key.length === 1 && !/[a-z]/i.test(key);
  if (!isSign && event.shiftKey !== wants('Shift')) return false;
  return key.length === 1 ? event.key.toLowerCase() === key.toLowerCase() : event.key === key;
}

const SHOWN: Readonly<Record<string, string>> = {
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  Enter: '↵',
  Escape: 'Esc',
  Backspace: '⌫',
};

/** A combination as signs of keys: `Ctrl+K` as `Ctrl`, `K`. */
export function keySigns(combination: string): string[] {
  return combination.split('+').map((key) => SHOWN[key] ?? key);
}

/** What is typed into an element of this kind belongs to the element. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
