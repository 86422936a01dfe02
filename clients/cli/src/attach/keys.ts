/** Keys that mean something to this client before the editor or a question sees them. */
export const CLIENT_KEYS = [
  ...(['ctrl+c', 'ctrl+d', 'ctrl+t', 'ctrl+o', 'escape', 'tab', 'alt+enter', 'alt+up', 'q'] as const),
  ...(['pageUp', 'pageDown', 'ctrl+home', 'ctrl+end'] as const),
] as const;
export type ClientKey = (typeof CLIENT_KEYS)[number];

export type KeyAction =
  | 'quit'
  | 'warn'
  | 'clear'
  | 'abort'
  | 'page_up'
  | 'page_down'
  | 'first'
  | 'last'
  | 'thinking'
  | 'expand'
  | 'follow_up'
  | 'take_back'
  | 'cancel_edit'
  | 'switch'
  /** Not ours: the editor or the question gets it. */
  | 'pass';

export interface KeySituation {
  /** What has the keyboard. */
  focus: 'editor' | 'question' | 'nothing';
  /** Whether there are both, to switch between. */
  both: boolean;
  /** Whether anything is written in the editor. */
  written: boolean;
  /** Whether the agent works and this viewer may stop it. */
  canAbort: boolean;
  /** Whether the editor holds the text of a message in the queue. */
  isEditing: boolean;
  /** ms since ctrl+c was pressed last. */
  sinceCtrlC: number;
}

/** How soon a second ctrl+c has to follow the first, in ms. */
export const TWICE_MS = 2_000;

export function actionOf(key: ClientKey, situation: KeySituation): KeyAction {
  const { focus, both, written, canAbort, isEditing, sinceCtrlC } = situation;
  switch (key) {
    case 'ctrl+c':
      if (focus === 'editor' && written) return 'clear';
      return sinceCtrlC <= TWICE_MS ? 'quit' : 'warn';
    case 'ctrl+d':
      return focus !== 'question' && !written ? 'quit' : 'pass';
    case 'q':
      return focus === 'nothing' ? 'quit' : 'pass';
    case 'escape':
      if (focus === 'editor' && isEditing) return 'cancel_edit';
      return focus !== 'question' && canAbort ? 'abort' : 'pass';
    case 'tab':
      return both ? 'switch' : 'pass';
    case 'alt+enter':
      return focus === 'editor' ? 'follow_up' : 'pass';
    case 'alt+up':
      return focus === 'editor' && !written ? 'take_back' : 'pass';
    case 'ctrl+t':
      return 'thinking';
    case 'ctrl+o':
      return 'expand';
    case 'pageUp':
      return 'page_up';
    case 'pageDown':
      return 'page_down';
    case 'ctrl+home':
      return 'first';
    case 'ctrl+end':
      return 'last';
  }
}
