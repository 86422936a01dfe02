/**
 * Stands in for a `<style>` element of xterm.js (see vite.config.ts). The page's policy forbids styles that stand in
 * markup, and allows sheets that a program makes: the text of the element becomes the text of such a sheet.
 */
export function styleElement(): HTMLElement {
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
