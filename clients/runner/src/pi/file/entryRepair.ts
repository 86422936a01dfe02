import { isMap, numberAt, THINKING_LEVELS, type UnknownMap } from '@pizzapi/protocol';
import { isShownRole, PROMPT_ROLE } from './messageRoles.js';

/** The kinds of entries that pi writes. */
const KNOWN_KINDS: ReadonlySet<unknown> = new Set([
  'message',
  'thinking_level_change',
  'model_change',
  'compaction',
  'branch_summary',
  'custom',
  'custom_message',
  'label',
  'session_info',
  // Since pi 1.0.
  'context_edit',
  'usage',
]);

const MESSAGE_BLOCKS: ReadonlySet<unknown> = new Set(['text', 'image', 'thinking', 'toolCall']);

/** Stands for a provider and a model that are not recorded. */
const UNRECORDED = 'unknown';
/** The kind of a `custom` entry in place of one whose content could not be used. */
const UNUSABLE = 'pizzapi.unusable';

/** Counts what was repaired, by what it is. */
export class RepairCounts {
  readonly #counts = new Map<string, number>();
  readonly #skipped = new Map<string, number>();

  add(what: string, count = 1): void {
    if (count > 0) this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
  }

  /** Something that is left out, because only a newer pi knows what it means. */
  skip(what: string): void {
    this.#skipped.set(what, (this.#skipped.get(what) ?? 0) + 1);
  }

  /** One phrase per kind of repair, with its count: `2 × an answer without its usage`. */
  list(): string[] {
    return phrases(this.#counts);
  }

  /** What is left out, one phrase per kind, with its count. */
  skipped(): string[] {
    return phrases(this.#skipped);
  }
}

const phrases = (counts: ReadonlyMap<string, number>): string[] =>
  [...counts].map(([what, count]) => (count === 1 ? what : `${count} × ${what}`));

/** What one entry hands on to the entries after it. */
export interface RepairContext {
  repairs: RepairCounts;
  /** The last recorded model. */
  model: { provider: string; id: string } | undefined;
}

/**
 * Gives an entry the shape that pi counts on, in place. pi checks nothing: a missing `usage` or a content of `null`
 * makes every later prompt fail.
 */
export function repairEntry(entry: UnknownMap, context: RepairContext): void {
  const { repairs } = context;
  const kind = entry['type'];
  if (!KNOWN_KINDS.has(kind)) return repairs.skip(`an entry of the unknown kind "${String(kind).slice(0, 40)}"`);
  switch (kind) {
    case 'message':
      if (isMap(entry['message'])) repairMessage(entry['message'], context, timeOf(entry));
      return;
    case 'custom_message':
      repairContent(entry, repairs);
      if (typeof entry['customType'] !== 'string') entry['customType'] = UNUSABLE;
      return;
    case 'model_change': {
      const { provider, modelId } = entry;
      if (isName(provider) && isName(modelId)) context.model = { provider, id: modelId };
      else retire(entry, 'a change of the model without its name', repairs);
      return;
    }
    case 'thinking_level_change':
      if (!THINKING_LEVELS.some((level) => level === entry['thinkingLevel']))
        retire(entry, 'a change to an unknown thinking level', repairs);
      return;
    case 'compaction':
      if (typeof entry['summary'] !== 'string') set(entry, 'summary', '', 'a compaction without its summary', repairs);
      if (numberAt(entry, 'tokensBefore') === undefined) entry['tokensBefore'] = numberOf(entry['tokensBefore']);
      return;
    case 'branch_summary':
      if (typeof entry['summary'] !== 'string') set(entry, 'summary', '', 'a branch without its summary', repairs);
      return;
    case 'session_info':
      if (entry['name'] !== undefined && typeof entry['name'] !== 'string')
        set(entry, 'name', '', 'a name that is not a text', repairs);
      return;
    case 'context_edit':
      if (!isName(entry['targetId'])) retire(entry, 'an edit without its entry', repairs);
      return;
    case 'label':
      if (typeof entry['targetId'] !== 'string') retire(entry, 'a label without its entry', repairs);
      else if (entry['label'] !== undefined && typeof entry['label'] !== 'string') entry['label'] = undefined;
  }
}

/** Gives a message the shape that pi counts on, in place. */
export function repairMessage(message: UnknownMap, context: RepairContext, at = Date.now()): void {
  const { repairs } = context;
  if (numberAt(message, 'timestamp') === undefined) message['timestamp'] = at;
  switch (message['role']) {
    case 'assistant':
      repairContent(message, repairs, { isAnswer: true });
      return repairAnswer(message, context);
    case 'toolResult':
      repairContent(message, repairs, { isList: true });
      if (typeof message['toolName'] !== 'string') message['toolName'] = 'unknown';
      if (typeof message['isError'] !== 'boolean') message['isError'] = false;
      return;
    case 'user':
    case 'custom':
      return repairContent(message, repairs);
    case 'bashExecution':
      for (const key of ['command', 'output']) if (typeof message[key] !== 'string') message[key] = '';
      return;
    default:
      if (message['role'] === PROMPT_ROLE || isShownRole(message['role'])) return;
      return repairs.skip(`a message of the unknown role "${String(message['role']).slice(0, 40)}"`);
  }
}

function repairAnswer(message: UnknownMap, context: RepairContext): void {
  const { repairs } = context;
  const { provider, model } = message;
  if (isName(provider) && isName(model)) context.model = { provider, id: model };
  else {
    message['provider'] = context.model?.provider ?? UNRECORDED;
    message['model'] = context.model?.id ?? UNRECORDED;
    repairs.add('an answer without its model');
  }
  if (typeof message['api'] !== 'string') message['api'] = UNRECORDED;
  if (typeof message['stopReason'] !== 'string') message['stopReason'] = 'stop';
  if (message['errorMessage'] !== undefined && typeof message['errorMessage'] !== 'string') {
    message['errorMessage'] = JSON.stringify(message['errorMessage']);
  }
  repairUsage(message, repairs);
}

const TOKENS = ['input', 'output', 'cacheRead', 'cacheWrite', 'totalTokens'] as const;
const COSTS = ['input', 'output', 'cacheRead', 'cacheWrite', 'total'] as const;

function repairUsage(message: UnknownMap, repairs: RepairCounts): void {
  const usage = message['usage'];
  if (!isMap(usage)) repairs.add('an answer without its usage');
  const counts = isMap(usage) ? usage : {};
  const cost = isMap(counts['cost']) ? counts['cost'] : {};
  const isWrong = [toNumbers(counts, TOKENS), toNumbers(cost, COSTS)].includes(true);
  if (isWrong) repairs.add('an answer whose usage is not in numbers');
  counts['cost'] = cost;
  message['usage'] = counts;
}

/** Makes each field a number. True when one had another value; a missing one is 0. */
function toNumbers(map: UnknownMap, keys: readonly string[]): boolean {
  const wrong = keys.filter((key) => numberAt(map, key) === undefined);
  const isWrong = wrong.some((key) => map[key] !== undefined && map[key] !== null);
  for (const key of wrong) map[key] = numberOf(map[key]);
  return isWrong;
}

/** The number of tokens or dollars in a value that should be one: also of a text. Otherwise 0. */
export function numberOf(value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : 0;
}

/** Content is a text or a list of blocks; of an answer and a tool result always a list. */
function repairContent(
  message: UnknownMap,
  repairs: RepairCounts,
  { isAnswer = false, isList = isAnswer }: { isAnswer?: boolean; isList?: boolean } = {},
): void {
  const { content } = message;
  if (typeof content === 'string') {
    if (isList) message['content'] = [{ type: 'text', text: content }];
    return;
  }
  if (!Array.isArray(content)) {
    message['content'] = isList ? [] : '';
    return repairs.add('a message without its content');
  }
  const blocks = content.map((block: unknown) => repairBlock(block, isAnswer, repairs));
  if (blocks.some((block, index) => block !== content[index]))
    message['content'] = blocks.filter((block) => block !== undefined);
}

/** The block, repaired; undefined where it cannot be used. */
function repairBlock(block: unknown, isAnswer: boolean, repairs: RepairCounts): unknown {
  if (typeof block === 'string') return { type: 'text', text: block };
  if (!isMap(block)) return void repairs.add('a block that is empty');
  const { type } = block;
  if (!MESSAGE_BLOCKS.has(type) || (isAnswer ? type === 'image' : type === 'toolCall' || type === 'thinking')) {
    return void repairs.add(`a block of the unknown kind "${String(type).slice(0, 40)}"`);
  }
  if (type === 'text' || type === 'thinking') {
    if (typeof block[type] !== 'string') set(block, type, '', 'a block without its text', repairs);
  } else if (type === 'image') {
    if (!isName(block['data']) || !isName(block['mimeType'])) return void repairs.add('a picture without its data');
  } else {
    if (!isName(block['id']) || !isName(block['name'])) return void repairs.add('a tool call without its id or name');
    if (!isMap(block['arguments'])) set(block, 'arguments', {}, 'a tool call without its arguments', repairs);
  }
  return block;
}

function set(map: UnknownMap, key: string, value: unknown, what: string, repairs: RepairCounts): void {
  map[key] = value;
  repairs.add(what);
}

/** Keeps the entry in the tree, where other entries may hang on it, without its meaning. */
function retire(entry: UnknownMap, what: string, repairs: RepairCounts): void {
  entry['type'] = 'custom';
  entry['customType'] = UNUSABLE;
  repairs.add(what);
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

function timeOf(entry: UnknownMap): number {
  const time = Date.parse(String(entry['timestamp']));
  return Number.isNaN(time) ? 0 : time;
}

/** `provider/id` of an answer; undefined where it is not recorded. */
export function recordedModel(provider: unknown, id: unknown): string | undefined {
  return isName(provider) && isName(id) && id !== UNRECORDED ? `${provider}/${id}` : undefined;
}
