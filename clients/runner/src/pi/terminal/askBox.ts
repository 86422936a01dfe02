import { DynamicBorder, getSelectListTheme } from '@mariozechner/pi-coding-agent';
import {
  Container,
  Editor,
  Input,
  matchesKey,
  SelectList,
  Spacer,
  Text,
  type Focusable,
  type TUI,
} from '@mariozechner/pi-tui';
import { oneLine } from '@pizzapi/protocol';
import { visibleText } from './clean.js';
import { editorTheme, tint } from './theme.js';

/** Something a person is asked. */
export interface Ask {
  title: string;
  /** Beneath the title: the steps of a plan, the command to allow. */
  details: string;
  choices: readonly { label: string; value: unknown }[];
  /** Whether words are an answer; with choices there, they are one of them. */
  write?: { placeholder: string; prefill: string; long: boolean };
}

export type AskAnswer = { kind: 'answer'; value: unknown } | { kind: 'dismiss' };

/** Choices that are shown at once; the others scroll. */
const MAX_CHOICES = 10;
/** Lines of details that are shown. */
const MAX_DETAILS = 12;
const OWN_WORDS = 'Something else…';
const HINTS = {
  choose: '↑↓ choose · enter answer · esc dismiss',
  line: 'enter answer · esc dismiss',
  long: 'enter answer · shift+enter new line · esc dismiss',
};

type Field = SelectList | Input | Editor;

/** A question with its choices, its line or its editor. Calls `onAnswer` each time that the person has decided. */
export class AskBox extends Container implements Focusable {
  onAnswer: (answer: AskAnswer) => void = () => undefined;
  readonly #ui: TUI;
  readonly #ask: Ask;
  #field: Field;
  #focused = false;

  constructor(ui: TUI, ask: Ask) {
    super();
    this.#ui = ui;
    this.#ask = ask;
    this.#field = ask.choices.length > 0 ? this.#choices() : this.#words();
    this.#build();
  }

  get focused(): boolean {
    return this.#focused;
  }
  set focused(focused: boolean) {
    this.#focused = focused;
    if (!(this.#field instanceof SelectList)) this.#field.focused = focused;
  }

  handleInput(data: string): void {
    if (matchesKey(data, 'escape')) return this.onAnswer({ kind: 'dismiss' });
    this.#field.handleInput(data);
  }

  #choices(): SelectList {
    const { choices, write } = this.#ask;
    const items = choices.map(({ label }, at) => ({ value: String(at), label: oneLine(label) }));
    if (write !== undefined) items.push({ value: 'words', label: OWN_WORDS });
    // One column: there are no descriptions beside the choices.
    const list = new SelectList(items, MAX_CHOICES, getSelectListTheme());
    list.onSelect = ({ value }) => {
      if (value !== 'words') return this.onAnswer({ kind: 'answer', value: choices[Number(value)]?.value });
      this.#field = this.#words();
      this.#field.focused = this.#focused;
      this.#build();
    };
    return list;
  }

  #words(): Input | Editor {
    const { long = false, prefill = '' } = this.#ask.write ?? {};
    const onSubmit = (text: string) => this.onAnswer({ kind: 'answer', value: text });
    if (long) {
      const editor = new Editor(this.#ui, editorTheme());
      editor.setText(visibleText(prefill));
      return Object.assign(editor, { onSubmit });
    }
    const input = new Input();
    input.setValue(oneLine(prefill));
    return Object.assign(input, { onSubmit });
  }

  #build(): void {
    const { title, details, write } = this.#ask;
    this.clear();
    this.addChild(new DynamicBorder((text) => tint('accent', text)));
    this.addChild(new Text(tint('accent', tint('bold', visibleText(title))), 1, 0));
    if (details !== '') this.addChild(new Text(shortened(visibleText(details)), 1, 0));
    const isList = this.#field instanceof SelectList;
    if (!isList && write !== undefined && write.placeholder !== '') {
      this.addChild(new Text(tint('dim', oneLine(write.placeholder)), 1, 0));
    }
    this.addChild(new Spacer(1));
    this.addChild(this.#field);
    const hint = isList ? HINTS.choose : write?.long === true ? HINTS.long : HINTS.line;
    this.addChild(new Text(tint('dim', hint), 1, 0));
    this.addChild(new DynamicBorder((text) => tint('accent', text)));
  }
}

function shortened(text: string): string {
  const lines = text.split('\n');
  if (lines.length <= MAX_DETAILS) return text;
  return [...lines.slice(0, MAX_DETAILS), tint('dim', `… ${lines.length - MAX_DETAILS} more lines on the page`)].join(
    '\n',
  );
}
