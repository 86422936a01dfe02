import { toasts } from './toasts.svelte.js';

/**
 * Copies a text. A text that must be fetched first is given as a promise: some browsers lend the clipboard only while a
 * click is handled. Returns whether it was copied; a refusal is shown.
 */
export async function copyText(text: string | Promise<string>): Promise<boolean> {
  try {
    if (typeof text === 'string') await navigator.clipboard.writeText(text);
    else await copyLater(text);
    return true;
  } catch {
    // Browsers lend the clipboard to https and this machine only: the text can still be marked and copied by hand.
    toasts.info('The browser does not allow copying. Select the text and copy it yourself.');
    return false;
  }
}

async function copyLater(text: Promise<string>): Promise<void> {
  const item = text.then((whole) => new Blob([whole], { type: 'text/plain' }));
  await navigator.clipboard.write([new ClipboardItem({ 'text/plain': item })]);
}
