/**
 * The document as xterm.js may use it under a policy that forbids inline styles: what it would write into `<style>`
 * elements becomes a style sheet of the document, and what it would write into `style` attributes goes through the
 * element's own declaration. The policy allows both, because neither comes from markup.
 */

/** Stands where a `<style>` element would, and gives its text to a sheet of the document. */
function styleStandIn(): HTMLElement {
  const node = document.createElement('span');
  const sheet = new CSSStyleSheet();
  node.hidden = true;
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(node, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
  Object.defineProperty(node, 'remove', {
    value: () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      Element.prototype.remove.call(node);
    },
  });
  return node;
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

function createElement(name: string, options?: ElementCreationOptions): HTMLElement {
  if (name === 'style') return styleStandIn();
  const node = Document.prototype.createElement.call(document, name, options);
  Object.defineProperty(node, 'setAttribute', { value: setAttribute });
  return node;
}

/** For `documentOverride` of a terminal. */
export const strictDocument: Document = new Proxy(document, {
  get: (target, name) => {
    if (name === 'createElement') return createElement;
    const value: unknown = Reflect.get(target, name);
    return typeof value === 'function' ? (value as (...args: never[]) => unknown).bind(target) : value;
  },
});

/** Runs what takes its elements from the document itself: xterm.js does so for one of its styles when it is opened. */
export function withStrictElements(run: () => void): void {
  Object.defineProperty(document, 'createElement', { value: createElement, configurable: true });
  try {
    run();
  } finally {
    Reflect.deleteProperty(document, 'createElement');
  }
}
