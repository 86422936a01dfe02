import { AssistantMessageComponent, UserMessageComponent } from '@mariozechner/pi-coding-agent';
import { Container, Text, type Component, type TUI } from '@mariozechner/pi-tui';
import {
  aboutText,
  isForAgent,
  isReadable,
  oneLine,
  stringAt,
  textOf,
  terminalText,
  type DialogItem,
  type MessageItem,
  type NoticeItem,
  type ToolBlock,
  type TranscriptItem,
} from '@pizzapi/protocol';
import { visibleText } from './clean.js';
import { assistantMessage } from './messages.js';
import { nestedCallsText } from './nestedCalls.js';
import { tint, type Tint } from './theme.js';
import { ToolView } from './toolView.js';

export interface ItemLook {
  /** Whether thoughts are shown, and not only that there are some. */
  thinking: boolean;
  /** Whether the output of tools is shown in full. */
  expanded: boolean;
}

/** A line beneath an item that only this client knows of. */
export interface ItemNote {
  text: string;
  tint: Tint;
}

/** What an item is shown in. */
export interface ItemSurroundings {
  ui: TUI;
  /** The session's folder. */
  cwd: string;
  /** What to call the author of a message, or undefined where nobody needs to be named. */
  authorName: (by: NonNullable<MessageItem['by']>) => string | undefined;
  /** What became of something that was sent from here. It stands where an author is named otherwise. */
  noteOf?: (item: TranscriptItem) => ItemNote | undefined;
}

/** One item of a transcript, as pi shows it. It is updated as the item is replaced. */
export class ItemView implements Component {
  readonly #around: ItemSurroundings;
  readonly #tools = new Map<string, ToolView>();
  readonly #body = new Container();
  #item: TranscriptItem | undefined;
  #note: ItemNote | undefined;
  #look: ItemLook;
  #assistant: AssistantMessageComponent | undefined;

  constructor(around: ItemSurroundings, item: TranscriptItem, look: ItemLook) {
    this.#around = around;
    this.#look = look;
    this.update(item, look);
  }

  update(item: TranscriptItem, look: ItemLook): void {
    const note = this.#around.noteOf?.(item);
    const isSame =
      this.#item === item &&
      this.#look.thinking === look.thinking &&
      this.#look.expanded === look.expanded &&
      this.#note?.text === note?.text;
    if (isSame) return;
    this.#item = item;
    this.#note = note;
    this.#look = look;
    this.#body.clear();
    for (const part of this.#partsOf(item)) this.#body.addChild(part);
  }

  render(width: number): string[] {
    return this.#body.render(width);
  }

  invalidate(): void {
    this.#body.invalidate();
  }

  #partsOf(item: TranscriptItem): Component[] {
    switch (item.kind) {
      case 'message':
        return this.#message(item);
      case 'tool':
        return this.#tool(item.block);
      case 'notice':
        return [new Text(noticeText(item), 1, 0)];
      case 'dialog':
        return [new Text(dialogText(item, this.#around.authorName), 1, 0), ...this.#noted()];
    }
  }

  #message(item: MessageItem): Component[] {
    if (item.role === 'assistant') return this.#fromAgent(item);
    if (item.role !== 'user') return otherMessage(item, this.#look);
    if (isForAgent(item)) return [forAgent(item, this.#look), ...this.#noted()];
    const author = this.#note === undefined ? this.#authorOf(item) : undefined;
    const said = item.blocks.map((block) =>
      block.kind === 'text' ? visibleText(block.text) : block.kind === 'image' ? '[picture]' : '',
    );
    return [
      new UserMessageComponent(said.join('\n\n')),
      ...(author === undefined ? [] : [new Text(tint('dim', visibleText(author)), 1, 0)]),
      ...this.#noted(),
    ];
  }

  #authorOf({ by, hasUnknownAuthor }: MessageItem): string | undefined {
    if (hasUnknownAuthor === true) return 'Unknown author';
    return by === undefined ? undefined : this.#around.authorName(by);
  }

  #noted(): Component[] {
    return this.#note === undefined ? [] : [new Text(tint(this.#note.tint, visibleText(this.#note.text)), 1, 0)];
  }

  #fromAgent(item: MessageItem): Component[] {
    this.#assistant ??= new AssistantMessageComponent(undefined, !this.#look.thinking);
    this.#assistant.setHideThinkingBlock(!this.#look.thinking);
    this.#assistant.updateContent(assistantMessage(item));
    const tools = item.blocks.flatMap((block) => (block.kind === 'tool' ? this.#tool(block) : []));
    const note = item.interrupted === true ? 'Cut off here, because the host was stopped.' : undefined;
    return [this.#assistant, ...tools, ...(note === undefined ? [] : [new Text(tint('warning', note), 1, 0)])];
  }

  /** Call it when the item is not shown any more. */
  close(): void {
    for (const view of this.#tools.values()) view.close();
  }

  #tool(block: ToolBlock): Component[] {
    const view = this.#tools.get(block.toolCallId) ?? new ToolView(this.#around.ui, this.#around.cwd);
    this.#tools.set(block.toolCallId, view);
    view.update(block);
    view.setExpanded(this.#look.expanded);
    const calls = nestedCallsText(block, this.#look.expanded);
    return calls === undefined ? [view] : [view, new Text(calls, 1, 0)];
  }
}

/** A text that was written for the agent: what it is, in words for people. The text itself is folded. */
function forAgent(item: MessageItem, look: ItemLook): Component {
  const text = visibleText(textOf(item));
  const title = tint('bold', oneLine(visibleText(aboutText(item.about))));
  if (look.expanded) return new Text(`\n${title}\n${tint('dim', text)}`, 1, 0);
  const shown = isReadable(item.about) ? `: ${oneLine(text)}` : '';
  return new Text(`\n${title}${shown}${tint('dim', ' (ctrl+o to show)')}`, 1, 0);
}

/** pi's own kinds of messages that are neither the person's nor the model's. */
function otherMessage(item: MessageItem, look: ItemLook): Component[] {
  const extra = { ...item.extra };
  const text = item.blocks.map((block) => (block.kind === 'text' ? visibleText(block.text) : '')).join('\n');
  if (item.role === 'bashExecution') {
    const output = terminalText(stringAt(extra, 'output') ?? text);
    return [new Text(`\n${tint('bold', `$ ${visibleText(stringAt(extra, 'command') ?? '')}`)}\n${output}`, 1, 0)];
  }
  const summary = visibleText(stringAt(extra, 'summary') ?? text);
  const titles: Readonly<Record<string, string>> = {
    compactionSummary: 'Earlier messages, summarised',
    branchSummary: 'Another branch, summarised',
    custom: '',
  };
  const title = titles[item.role] ?? visibleText(item.role);
  if (title === '') return extra['display'] === false ? [] : [new Text(`\n${summary}`, 1, 0)];
  const shown = look.expanded ? `\n${summary}` : ' (ctrl+o to show)';
  return [new Text(`\n${tint('dim', title)}${tint('dim', shown)}`, 1, 0)];
}

function noticeText({ level, text }: NoticeItem): string {
  const clean = visibleText(text);
  return `\n${tint(level === 'info' ? 'dim' : level, clean)}`;
}

const CLOSED: Readonly<Record<Exclude<DialogItem['state'], 'open' | 'answered'>, string>> = {
  cancelled: 'dismissed',
  timed_out: 'expired without an answer',
  settled: 'closed by the agent',
};

function dialogText(item: DialogItem, authorName: ItemSurroundings['authorName']): string {
  const title = visibleText(item.title);
  if (item.state === 'open') return `\n${tint('warning', `? ${title}`)}`;
  const name = item.by === undefined ? undefined : authorName(item.by);
  const by = name === undefined ? '' : tint('dim', ` (${visibleText(name)})`);
  const answer = item.state === 'answered' ? `→ ${answerText(item.value)}` : CLOSED[item.state];
  return `\n${tint('dim', `? ${title}`)}\n  ${answer}${by}`;
}

function answerText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  return visibleText(typeof value === 'string' ? value : JSON.stringify(value));
}
