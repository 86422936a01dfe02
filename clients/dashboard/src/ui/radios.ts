import { isPressed } from '../model/shortcuts.js';

/**
 * The keys of a group of radio buttons: arrows choose the one beside, Home and End the first and the last, and Tab leaves
 * the group. Browsers do so for `<input type="radio">`, except for Home and End.
 */
export function radios(group: HTMLElement): () => void {
  const all = () =>
    [...group.querySelectorAll<HTMLElement>('[role=radio], input[type=radio]')].filter(
      (node) => !node.hasAttribute('disabled'),
    );

  /** Of buttons only the checked one is a stop of the Tab key. */
  function sync(): void {
    const buttons = all().filter((node) => node.role === 'radio');
    const stop = buttons.find((node) => node.ariaChecked === 'true') ?? buttons[0];
    for (const node of buttons) {
      const value = node === stop ? 0 : -1;
      if (node.getAttribute('tabindex') !== String(value)) node.tabIndex = value;
    }
  }

  function keys(event: KeyboardEvent): void {
    const from = event.target;
    if (!(from instanceof HTMLElement) || event.defaultPrevented) return;
    const isInput = from instanceof HTMLInputElement;
    const named = (node: HTMLElement) => !isInput || (node as HTMLInputElement).name === from.name;
    const choices = all().filter(named);
    const at = choices.indexOf(from);
    if (at < 0) return;
    const step =
      isPressed(event, 'next') || isPressed(event, 'inward')
        ? 1
        : isPressed(event, 'previous') || isPressed(event, 'outward')
          ? -1
          : 0;
    let to: HTMLElement | undefined;
    if (step !== 0 && !isInput) to = choices[(at + step + choices.length) % choices.length];
    else if (isPressed(event, 'first')) to = choices[0];
    else if (isPressed(event, 'last')) to = choices.at(-1);
    if (to === undefined) return;
    event.preventDefault();
    to.focus();
    to.click();
  }

  sync();
  const observer = new MutationObserver(sync);
  observer.observe(group, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ['aria-checked', 'disabled'],
  });
  group.addEventListener('keydown', keys);
  return () => {
    observer.disconnect();
    group.removeEventListener('keydown', keys);
  };
}
