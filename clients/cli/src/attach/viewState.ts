import { join } from 'node:path';
import { arrayAt, isMap, numberAt, stringAt } from '@pizzapi/protocol';
import { readJsonMap, writePrivateJson } from '../privateFile.js';
import type { Anchor } from './scroll.js';

/** Where somebody was in a session when they left: what they had written, what they had sent, what they looked at. */
export interface ViewState {
  draft: string;
  /** The latest last. */
  history: string[];
  anchor: Anchor;
}

/** Texts that are remembered for the arrow keys. */
const MAX_HISTORY = 100;
const NOTHING: ViewState = { draft: '', history: [], anchor: { kind: 'end' } };

function fileOf(home: string, sid: string): string {
  return join(home, 'attach', `${sid}.json`);
}

/** Total: what cannot be read is forgotten. */
export function loadViewState(home: string, sid: string): ViewState {
  const kept = readJsonMap(fileOf(home, sid));
  if (kept === undefined) return NOTHING;
  const anchor = isMap(kept['anchor']) ? kept['anchor'] : {};
  const [id, line] = [stringAt(anchor, 'id'), numberAt(anchor, 'line')];
  return {
    draft: stringAt(kept, 'draft') ?? '',
    history: arrayAt(kept, 'history').filter((text): text is string => typeof text === 'string'),
    anchor: id === undefined || line === undefined ? NOTHING.anchor : { kind: 'at', id, line },
  };
}

export function saveViewState(home: string, sid: string, { draft, history, anchor }: ViewState): void {
  writePrivateJson(fileOf(home, sid), { draft, history: history.slice(-MAX_HISTORY), anchor });
}
