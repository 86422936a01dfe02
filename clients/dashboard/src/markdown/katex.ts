import katex from 'katex';
import 'katex/dist/katex-swap.css';

/** Sizes in em and expansions of macros that a formula may ask for: it is the text of others. */
const MAX_SIZE = 20;
const MAX_EXPAND = 300;

/** Draws a formula into an element, by nodes and without inline styles in markup. A formula with an error stays source. */
export function drawFormula(element: HTMLElement, tex: string, isDisplayed: boolean): void {
  const drawn = document.createElement('span');
  try {
    katex.render(tex, drawn, {
      displayMode: isDisplayed,
      throwOnError: true,
      trust: false,
      strict: 'ignore',
      maxSize: MAX_SIZE,
      maxExpand: MAX_EXPAND,
    });
  } catch {
    return;
  }
  element.title = tex;
  element.replaceChildren(...drawn.childNodes);
}
