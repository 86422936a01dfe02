/** The keys that a keyboard on a screen lacks, in the order in which they are shown. */
export const EXTRA_KEYS = [
  { key: 'Escape', label: 'Esc', name: 'Esc' },
  { key: 'Tab', label: 'Tab', name: 'Tab' },
  { key: 'ArrowUp', label: '↑', name: 'Up' },
  { key: 'ArrowDown', label: '↓', name: 'Down' },
  { key: 'ArrowLeft', label: '←', name: 'Left' },
  { key: 'ArrowRight', label: '→', name: 'Right' },
  { key: '|', label: '|', name: 'Pipe' },
  { key: '~', label: '~', name: 'Tilde' },
  { key: '/', label: '/', name: 'Slash' },
] as const;
export type ExtraKey = (typeof EXTRA_KEYS)[number]['key'];

/** Modifiers that a person has pressed before the key that they are for. */
export interface HeldModifiers {
  ctrl: boolean;
  alt: boolean;
}

const ARROWS: Readonly<Record<string, string>> = {
  ArrowUp: 'A',
  ArrowDown: 'B',
  ArrowRight: 'C',
  ArrowLeft: 'D',
};
/** What Ctrl makes of a sign that is no letter. */
const CONTROLS: Readonly<Record<string, string>> = {
  ' ': '\0',
  '@': '\0',
  '[': '\x1b',
  '\\': '\x1c',
  ']': '\x1d',
  '^': '\x1e',
  '/': '\x1f',
  _: '\x1f',
  '?': '\x7f',
};

/** What one of these keys sends. `isApplication`: the program has asked for the other codes of arrow keys. */
export function extraKeyInput(key: ExtraKey, held: HeldModifiers, isApplication: boolean): string {
  const arrow = ARROWS[key];
  if (arrow !== undefined) {
    const modifiers = 1 + (held.alt ? 2 : 0) + (held.ctrl ? 4 : 0);
    return modifiers > 1 ? `\x1b[1;${modifiers}${arrow}` : `\x1b${isApplication ? 'O' : '['}${arrow}`;
  }
  if (key === 'Escape') return held.alt ? '\x1b\x1b' : '\x1b';
  if (key === 'Tab') return held.alt ? '\x1b\t' : '\t';
  return withModifiers(key, held);
}

/** What was typed, with the modifiers that were pressed before. More than one character is a paste, or comes from an input method. */
export function withModifiers(typed: string, { ctrl, alt }: HeldModifiers): string {
  if ([...typed].length !== 1) return typed;
  const control = /^[a-z]$/i.test(typed)
    ? String.fromCharCode(typed.toUpperCase().charCodeAt(0) & 31)
    : CONTROLS[typed];
  const sign = ctrl ? (control ?? typed) : typed;
  return alt ? `\x1b${sign}` : sign;
}
