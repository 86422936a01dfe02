import type { PathMention } from '../model/filePaths.js';
import type { FilePlaces } from '../state/filePlaces.svelte.js';

/** Turns the paths of a text that exist on the host into links, in nodes that nothing else changes. */
export async function linkPaths(root: HTMLElement, places: FilePlaces): Promise<void> {
  if (!places.isOn) return;
  linkAnchors(root, places);
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode())
    if (node instanceof Text && node.parentElement?.closest('a, .katex') === null) texts.push(node);
  await Promise.all(
    texts.map(async (node) => {
      const { data } = node;
      const mentions = await places.existing(data);
      if (mentions.length > 0 && node.isConnected && node.data === data) replace(node, mentions, places);
    }),
  );
}

function replace(node: Text, mentions: readonly PathMention[], places: FilePlaces): void {
  const parts: Node[] = [];
  let at = 0;
  for (const { start, end, path, line } of mentions) {
    const link = document.createElement('a');
    link.append(node.data.slice(start, end));
    lead(link, { path, ...(line === undefined ? {} : { line }) }, places);
    parts.push(document.createTextNode(node.data.slice(at, start)), link);
    at = end;
  }
  node.replaceWith(...parts, document.createTextNode(node.data.slice(at)));
}

/** A link of Markdown to a file, such as `[the rule](docs/rules.md)`, leads to the file. */
function linkAnchors(root: HTMLElement, places: FilePlaces): void {
  for (const link of root.querySelectorAll<HTMLAnchorElement>('a[href]')) {
    const href = link.getAttribute('href') ?? '';
    if (/^([a-z][a-z0-9+.-]*:|#|\?)/i.test(href)) continue;
    let written = href;
    try {
      written = decodeURIComponent(href);
    } catch {
      // It is a name with a percent sign then.
    }
    void places.existing(written).then(([mention]) => {
      if (mention?.start !== 0) return;
      link.removeAttribute('target');
      lead(link, { path: mention.path, ...(mention.line === undefined ? {} : { line: mention.line }) }, places);
    });
  }
}

function lead(link: HTMLAnchorElement, target: { path: string; line?: number }, places: FilePlaces): void {
  link.href = places.addressOf(target);
  link.classList.add('path');
  link.title = 'Open the file';
  link.addEventListener('click', (event) => places.follow(event, target));
}
