import { styleText } from 'node:util';
import { getSelectListTheme, initTheme } from '@mariozechner/pi-coding-agent';
import { KeybindingsManager, setKeybindings, TUI_KEYBINDINGS, type EditorTheme } from '@mariozechner/pi-tui';

/** Keys of pi's own that its components name in their hints; who shows them has to heed them. */
const PI_KEYS = {
  'app.tools.expand': { defaultKeys: 'ctrl+o', description: 'Expand tool output' },
} as const;

/** Chooses pi's dark or light theme by the terminal's background. Before anything is rendered. */
export function initialiseTheme(): void {
  initTheme();
  setKeybindings(new KeybindingsManager({ ...TUI_KEYBINDINGS, ...PI_KEYS }));
}

export type Tint = 'accent' | 'dim' | 'error' | 'warning' | 'success' | 'bold';

const STYLES = {
  accent: 'cyan',
  dim: 'dim',
  error: 'red',
  warning: 'yellow',
  success: 'green',
  bold: 'bold',
} as const;

/** Text of our own, beside pi's: in the terminal's own colours. */
export function tint(name: Tint, text: string): string {
  return styleText(STYLES[name], text, { validateStream: false });
}

export function editorTheme(): EditorTheme {
  return { borderColor: (text) => tint('dim', text), selectList: getSelectListTheme() };
}
