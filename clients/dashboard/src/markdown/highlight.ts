import { BoundedMap } from '@pizzapi/protocol';
import type * as QuickModule from './hljs.js';
import type { HighlightReply, HighlightRequest } from './shiki.worker.js';

/** Characters of a block that is still being written that are highlighted with each piece; more is plain until it closes. */
export const QUICK_LIMIT = 8_000;
/** Characters above which a block is plain for good. */
export const HIGHLIGHT_LIMIT = 200_000;
/** Highlighted blocks that are remembered: rows come and go as one scrolls. */
const REMEMBERED = 300;

let quick: typeof QuickModule | undefined;
let quickLoading: Promise<void> | undefined;
let worker: Worker | undefined;
let nextId = 1;
const waiting = new Map<number, (html: string | undefined) => void>();
const remembered = new BoundedMap<string, string>(REMEMBERED);

/** Loads the highlighter for blocks in writing. */
export function loadQuick(): Promise<void> {
  quickLoading ??= import('./hljs.js').then((module) => void (quick = module));
  return quickLoading;
}

export function isQuickLoaded(): boolean {
  return quick !== undefined;
}

/** Unclean HTML of a block in writing, or undefined while there is none. */
export function highlightNow(code: string, lang: string): string | undefined {
  return lang === '' || code.length > QUICK_LIMIT ? undefined : quick?.highlightQuick(code, lang);
}

/** What `highlightClosed` has said before. */
export function highlightKnown(code: string, lang: string): string | undefined {
  return remembered.get(`${lang}\n${code}`);
}

/** Unclean HTML of a closed block by a real grammar, or undefined for languages that have none here. */
export async function highlightClosed(code: string, lang: string): Promise<string | undefined> {
  if (lang === '' || code.length > HIGHLIGHT_LIMIT) return undefined;
  const html = highlightKnown(code, lang) ?? (await ask({ id: nextId++, code, lang }));
  if (html !== undefined) remembered.set(`${lang}\n${code}`, html);
  return html;
}

function ask(request: HighlightRequest): Promise<string | undefined> {
  worker ??= startWorker();
  return new Promise((resolve) => {
    waiting.set(request.id, resolve);
    worker!.postMessage(request);
  });
}

function startWorker(): Worker {
  const started = new Worker(new URL('./shiki.worker.ts', import.meta.url), { type: 'module' });
  started.addEventListener('message', ({ data }: MessageEvent<HighlightReply>) => {
    waiting.get(data.id)?.(data.html);
    waiting.delete(data.id);
  });
  started.addEventListener('error', () => {
    for (const resolve of waiting.values()) resolve(undefined);
    waiting.clear();
  });
  return started;
}
