import { pastable } from './terminalPaste.js';

/** A program may offer a text of so many bytes for the clipboard. */
const MAX_BYTES = 256 * 1024;

/**
 * The text that a program asks to copy by OSC 52 (`c;<base64>`), or undefined: a program never learns what is in the
 * clipboard, and an empty text would clear it.
 */
export function clipboardRequest(data: string): string | undefined {
  const [, base64] = /^[cpqs0-7]*;([A-Za-z0-9+/\s]*={0,2})\s*$/.exec(data) ?? [];
  if (base64 === undefined || base64.length > Math.ceil(MAX_BYTES / 3) * 4) return undefined;
  try {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const text = pastable(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
