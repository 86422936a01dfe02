import { isPressed } from '../model/shortcuts.js';

/**
 * Keeps the keys of an editor from the page, which sees no text field behind a shadow root: a letter would be a shortcut. The key
 * that leaves the panel stays the page's.
 */
export function ownKeys(node: HTMLElement): () => void {
  const keep = (event: KeyboardEvent): void => {
    if (!isPressed(event, 'panel')) event.stopPropagation();
  };
  node.addEventListener('keydown', keep);
  return () => node.removeEventListener('keydown', keep);
}
