import { realpathSync } from 'node:fs';
import type { SessionEntry } from '@mariozechner/pi-coding-agent';
import type { SessionEvent } from '@pizzapi/protocol';
import { sanitizeMessage, sanitizeToolResult, toPlainData } from './sanitizeEvent.js';
import { recordedModel } from './file/entryRepair.js';
import { isShownRole } from './file/messageRoles.js';
import { applyEdits, parsePiSessionFile, type Damage, type InvalidFile, type ParsedFile } from './sessionFile.js';
import { UsageMeter } from './usage.js';

/** Why a compaction in an old file happened is not recorded there. */
const RECORDED = 'recorded';

export interface ImportOptions {
  /** Whose session it becomes. */
  userId: string;
  runnerId: string;
  piVersion: string;
  epoch: number;
  /** Shown when the file has no name of its own. */
  name?: string;
  /** Takes what can be read of a damaged file. */
  salvage?: boolean;
}

export type ImportOutcome =
  | {
      kind: 'ok';
      events: SessionEvent[];
      cwd: string;
      name: string;
      entries: number;
      messages: number;
      /** The damage of the file, line by line: only with `salvage`. */
      damage: Damage[];
      /** What was repaired, one phrase for each kind. */
      repairs: string[];
      /** What is left out because only a newer pi knows it, one phrase for each kind. */
      skipped: string[];
    }
  | InvalidFile;

type Pair = { role: string } & Record<string, unknown>;

/** Turns the entries of a file into the events that a live session would have written. Deterministic. */
class SessionImporter {
  readonly events: SessionEvent[] = [];
  readonly #usage = new UsageMeter();
  messages = 0;
  #model: string;
  #at: number;
  #leaf: string | null = null;
  readonly #messageIds = new Set<string>();

  constructor(
    private readonly file: Pick<ParsedFile, 'hasIds'>,
    model: string,
    startedAt: number,
  ) {
    this.#model = model;
    this.#at = startedAt;
  }

  add(line: number, entry: SessionEntry): void {
    const time = Date.parse(entry.timestamp);
    if (!Number.isNaN(time)) this.#at = time;
    const at = this.#at;
    if (entry.parentId !== this.#leaf && this.#leaf !== null) {
      this.events.push({ type: 'session_tree', at, newLeafId: entry.parentId, oldLeafId: this.#leaf });
    }
    this.#leaf = entry.id;
    this.#usage.addEntry(entry);
    const entryId = this.file.hasIds ? entry.id : null;
    switch (entry.type) {
      case 'message':
        return this.#message(line, entryId, entry.message as unknown as Pair);
      case 'custom_message': {
        const { customType, content, display, details } = entry;
        return this.#message(line, entryId, { role: 'custom', customType, content, display, details, timestamp: at });
      }
      case 'branch_summary': {
        const { summary, fromId } = entry;
        return this.#message(line, entryId, { role: 'branchSummary', summary, fromId, timestamp: at });
      }
      case 'model_change':
        return this.#modelChange(entry.provider, entry.modelId);
      case 'thinking_level_change':
        this.events.push({ type: 'thinking_level_changed', at, level: entry.thinkingLevel });
        return;
      case 'session_info':
        this.events.push({ type: 'session_info_changed', at, name: entry.name ?? '' });
        return;
      case 'compaction': {
        const { summary, firstKeptEntryId, tokensBefore } = entry;
        const result = toPlainData({ summary, firstKeptEntryId, tokensBefore });
        this.events.push({ type: 'compaction_start', at, reason: RECORDED });
        this.events.push({ type: 'compaction_end', at, reason: RECORDED, aborted: false, willRetry: false, result });
        return;
      }
      case 'custom':
      case 'label':
        // What extensions and people noted beside the conversation stays in pi's file.
        return;
      default:
        // So does an entry of a kind that we do not know, which is counted as a repair of the file.
        return;
    }
  }

  finish(): void {
    const at = this.#at;
    this.events.push({ type: 'token_usage_updated', at, tokenUsage: this.#usage.read(undefined) });
    this.events.push({ type: 'session_ended', at, reason: 'completed', message: 'Imported from a pi file' });
  }

  /** A line of a damaged file may hold several messages. */
  #messageIdOf(line: number): string {
    let id = `m${line}`;
    for (let n = 2; this.#messageIds.has(id); n++) id = `m${line}_${n}`;
    this.#messageIds.add(id);
    return id;
  }

  #modelChange(provider: string, id: string): void {
    const model = `${provider}/${id}`;
    const previous = model === this.#model || this.#model === '' ? {} : { previousModel: this.#model };
    this.#model = model;
    this.events.push({ type: 'model_select', at: this.#at, model, ...previous, source: 'restore' });
    this.events.push({ type: 'model_changed', at: this.#at, model: { provider, id } });
  }

  #message(line: number, entryId: string | null, message: Pair): void {
    const { role } = message;
    if (!isShownRole(role)) return;
    const at = typeof message['timestamp'] === 'number' ? message['timestamp'] : this.#at;
    const messageId = this.#messageIdOf(line);
    if (role === 'toolResult') {
      const { toolCallId, toolName, content, details, isError } = message;
      this.events.push({
        type: 'tool_execution_end',
        at,
        toolCallId: String(toolCallId),
        toolName: String(toolName),
        result: sanitizeToolResult({ content, details }),
        isError: isError === true,
      });
    }
    const named = role === 'assistant' ? recordedModel(message['provider'], message['model']) : undefined;
    const model = named === undefined ? {} : { model: named };
    this.events.push({ type: 'message_start', at, messageId, role, ...model });
    this.events.push({ type: 'message_end', at, messageId, entryId, message: sanitizeMessage(message) });
    this.messages++;
    if (role !== 'assistant') return;
    for (const call of Array.isArray(message['content']) ? (message['content'] as Pair[]) : []) {
      if (call['type'] !== 'toolCall') continue;
      const toolCallId = String(call['id']);
      const args = toPlainData(call['arguments']) ?? {};
      this.events.push({ type: 'tool_execution_start', at, toolCallId, toolName: String(call['name']), args });
    }
  }
}

/** `provider/id` at the start of a file: in its header once, in its first entries since. */
function firstModel({ header, entries }: Pick<ParsedFile, 'entries'> & { header?: ParsedFile['header'] }): string {
  const inHeader = recordedModel(header?.provider, header?.modelId);
  if (inHeader !== undefined) return inHeader;
  for (const { entry } of entries) {
    if (entry.type === 'model_change') return `${entry.provider}/${entry.modelId}`;
    if (entry.type !== 'message' || entry.message.role !== 'assistant') continue;
    const used = recordedModel(entry.message.provider, entry.message.model);
    if (used !== undefined) return used;
  }
  return '';
}

/**
 * Reads a session file of pi, of any version, as the events of a finished session: from `session_started` to
 * `session_ended`, in the file's order (a jump to another branch is a `session_tree`). The same file always gives the
 * same events. A damaged file gives the code and line of its first problem, and no events, except with `salvage`.
 */
export function readPiSessionFile(path: string, options: ImportOptions): ImportOutcome {
  const file = parsePiSessionFile(path, options.salvage === true ? { salvage: true } : {});
  if (file.kind === 'invalid') return file;
  const { header, entries, damage, repairs, skipped } = file;
  applyEdits(entries.map(({ entry }) => entry));
  const { runnerId, userId, piVersion, epoch } = options;
  const named = entries.findLast(({ entry }) => entry.type === 'session_info')?.entry;
  const name = (named?.type === 'session_info' ? named.name : undefined) ?? options.name ?? '';
  const startedAt = Date.parse(header.timestamp);
  const at = Number.isNaN(startedAt) ? 0 : startedAt;
  const model = firstModel(file);
  const importer = new SessionImporter(file, model, at);
  const cwd = typeof header.cwd === 'string' ? header.cwd : '/';
  // As what it is, however it was named: the same file is told by the same path.
  const resumedFrom = realpathSync.native(path);
  importer.events.push({
    type: 'session_started',
    at,
    ...{ cwd, name, model, runnerId, userId, epoch, piVersion, resumedFrom },
  });
  const slash = model.indexOf('/');
  if (slash > 0) {
    const info = { provider: model.slice(0, slash), id: model.slice(slash + 1) };
    importer.events.push({ type: 'model_changed', at, model: info });
  }
  if (typeof header.thinkingLevel === 'string') {
    importer.events.push({ type: 'thinking_level_changed', at, level: header.thinkingLevel });
  }
  for (const { line, entry } of entries) importer.add(line, entry);
  importer.finish();
  const { events, messages } = importer;
  return { kind: 'ok', events, cwd, name, entries: entries.length, messages, damage, repairs, skipped };
}

/** The first line of a session file is its header; its entries follow. */
const FIRST_ENTRY_LINE = 2;

/** What the entries of a session that is open say, as the same events; also when pi has not written its file yet. */
export function historyEvents(all: readonly SessionEntry[]): SessionEvent[] {
  const edited = all.map((entry) => ({ ...entry }));
  applyEdits(edited);
  const entries = edited.map((entry, index) => ({ line: index + FIRST_ENTRY_LINE, entry }));
  const importer = new SessionImporter({ hasIds: true }, firstModel({ entries }), Date.now());
  for (const { line, entry } of entries) importer.add(line, entry);
  return importer.events;
}
