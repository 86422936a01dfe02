import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** A set of files, by their paths from the root of the repository. */
export interface Files {
  /** Returns whether a file or folder exists. */
  exists(path: string): boolean;
  /** Returns the text of a Markdown file that exists. */
  read(path: string): string;
}

const IGNORED = /^(node_modules|dist|test-output|\.nx|\.git)$/;
/** Folders of the root whose names begin a path of a source file. */
const TOP_FOLDERS = /^(schemas|services|clients|deploy|tests|docs)\//;
const SOURCE_FILE = /\.(ts|svelte|mjs|cjs|js)$/;
const PACKAGE_FILE = /^[\w@.-]+(\/[\w@.-]+)*\.(ts|svelte|mjs|cjs|js|css|html)$/;

/** The files below a folder of this machine. */
export function filesAt(root: string): Files {
  return {
    exists: (path) => existsSync(join(root, path)),
    read: (path) => readFileSync(join(root, path), 'utf8'),
  };
}

/** Returns the paths of all files below a folder of `root`, without what is installed or built. */
export function filesBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return IGNORED.test(entry.name) ? [] : filesBelow(root, path);
  });
}

/** Returns the targets of all links and images, without those inside of code. */
export function linksOf(markdown: string): string[] {
  const prose = withoutFences(markdown).replace(/(`+)[^`][\s\S]*?\1/g, 'code');
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const defined = [...prose.matchAll(/^\[[^\]]+\]:\s*<?([^\s>]+)>?/gm)];
  return [...inline, ...defined].map(([, target]) => target!);
}

/** Returns the anchors of a document: its headings as GitHub names them, and explicit ids. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set([...markdown.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id!));
  for (const [, heading] of withoutFences(markdown).matchAll(/^#{1,6} +(.+?)(?: +#+)?$/gm)) {
    const slug = slugOf(heading!);
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Returns the inline code of a document that is one word. Of `file › test name` it is the file. */
export function codeWordsOf(markdown: string): string[] {
  return [...withoutFences(markdown).matchAll(/`([^`\n]+)`/g)]
    .map(([, code]) => code!.split(' › ')[0]!)
    .filter((code) => /^[\w@./-]+$/.test(code));
}

/** Returns a sentence for each relative link of a document that leads to no file or to no heading. */
export function linkProblems(path: string, files: Files): string[] {
  return linksOf(files.read(path)).flatMap((target) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    if (file.startsWith('/')) return [`${path}: the link "${target}" is not relative`];
    const to = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)));
    if (!files.exists(to)) return [`${path}: the link "${target}" leads to no file`];
    const isHeading = anchor === undefined || !to.endsWith('.md') || anchorsOf(files.read(to)).has(anchor);
    return isHeading ? [] : [`${path}: the link "${target}" leads to no heading`];
  });
}

/**
 * Returns a sentence for each source path in the inline code of a document that does not exist. A path counts from the
 * root; in the README of a package, which `packages` lists by folder, it may also count from the package.
 */
export function pathProblems(path: string, files: Files, packages: readonly string[]): string[] {
  const home = packages.find((folder) => path === `${folder}/README.md`);
  return codeWordsOf(files.read(path)).flatMap((word) => {
    const inRepository = TOP_FOLDERS.test(word) || (word.includes('/') && SOURCE_FILE.test(word));
    const inPackage = home !== undefined && (PACKAGE_FILE.test(word) || word.startsWith('src/'));
    if (word.startsWith('/') || word.startsWith('@') || !(inRepository || inPackage)) return [];
    const exists = files.exists(word) || (home !== undefined && files.exists(join(home, word)));
    return exists ? [] : [`${path}: there is no file ${word}`];
  });
}

/** Returns the documents that a reader reaches from a document by links. */
export function reachableFrom(start: string, files: Files): Set<string> {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path) || !files.exists(path)) return;
    reached.add(path);
    for (const target of linksOf(files.read(path))) {
      const file = target.split('#')[0]!;
      if (file.endsWith('.md') && !/^[a-z][a-z+.-]*:/i.test(file)) visit(normalize(join(dirname(path), file)));
    }
  };
  visit(start);
  return reached;
}

/** Returns the number of lines, without empty lines at the end. */
export function linesOf(text: string): number {
  return text.trimEnd().split('\n').length;
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^( *)(```+|~~~+)[\s\S]*?^\1\2 *$/gm, '');
}

function slugOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}
