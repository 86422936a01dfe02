/**
 * pi's way of showing a session in a terminal, for clients that show one from afar. Loaded by those alone: it brings all
 * of pi's terminal UI along.
 */
export {
  Editor,
  TUI,
  isKeyRelease,
  matchesKey,
  truncateToWidth,
  visibleWidth,
  wrapTextWithAnsi,
  type Component,
} from '@mariozechner/pi-tui';
export { visibleText } from './clean.js';
export { FullScreenTerminal } from './fullScreen.js';
export { ItemView, type ItemLook, type ItemNote, type ItemSurroundings } from './itemView.js';
export { AskBox, type Ask, type AskAnswer } from './askBox.js';
export { editorTheme, initialiseTheme, tint, type Tint } from './theme.js';
