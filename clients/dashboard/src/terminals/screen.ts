import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon, type ISearchOptions } from '@xterm/addon-search';
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal, type IDisposable } from '@xterm/xterm';
import { isPressed } from '../model/shortcuts.js';
import { terminalSizeIn, type TerminalSize } from '../model/terminalSize.js';
import { terminalTheme, watchColours } from './colours.js';
import { guardReplies } from './queries.js';
import { followFingers } from './touch.js';

/** Lines above the window that are kept. */
const SCROLLBACK = 10_000;
const FAMILY = "'JetBrains Mono Variable', ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
/** The full reset of a terminal. It takes its place in the output, unlike a call. */
const RESET = '\x1bc';
const MATCHES = { matchOverviewRuler: '#e3b457', activeMatchColorOverviewRuler: '#f0776b' };

/** What happens on a screen. */
export interface ScreenListener {
  /** Typed, or an answer to a program. */
  onInput: (data: string | Uint8Array) => void;
  /** A person pastes this text, as the clipboard has it. */
  onPaste: (text: string) => void;
  onTitle: (title: string) => void;
  /** A program asks to copy: what follows the number of the sequence. */
  onClipboard: (data: string) => void;
  /** A person has clicked an address. `isHidden`: the text of the link is another one. */
  onAddress: (address: string, isHidden: boolean) => void;
  onFind: () => void;
  onMatches: (current: number, count: number) => void;
  onFontSize: (fontSize: number) => void;
  /** Cells have another size. */
  onMeasured: () => void;
  mayReply: () => boolean;
}

export interface ScreenOptions {
  fontSize: number;
  /** Makes the text available to screen readers, which costs time with each change. */
  isRead: boolean;
  label: string;
}

/** Whether a graphics processor draws: a program that stands in for one is slower than elements of the page. */
function hasGraphics(): boolean {
  const graphics = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (graphics === null) return false;
  const named = graphics.getExtension('WEBGL_debug_renderer_info')?.UNMASKED_RENDERER_WEBGL ?? graphics.RENDERER;
  const isProgram = /swiftshader|llvmpipe|software|basic render/i.test(String(graphics.getParameter(named)));
  graphics.getExtension('WEBGL_lose_context')?.loseContext();
  return !isProgram;
}

/** A screen of xterm.js in an element of the page. */
export class TerminalScreen {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #stop: (() => void)[] = [];
  #isClosed = false;

  constructor(
    readonly element: HTMLElement,
    listener: ScreenListener,
    { fontSize, isRead, label }: ScreenOptions,
  ) {
    const terminal = new Terminal({
      allowProposedApi: true,
      fontFamily: FAMILY,
      fontSize,
      lineHeight: 1.2,
      scrollback: SCROLLBACK,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      minimumContrastRatio: 4.5,
      screenReaderMode: isRead,
      theme: terminalTheme(element),
      linkHandler: { activate: (_event, address) => listener.onAddress(address, true) },
    });
    this.#terminal = terminal;
    this.#addAddons(listener);
    terminal.open(element);
    this.#labelInput(label);
    this.#listen(listener);
    void this.#useGraphics();
    void this.#useFont(listener);
  }

  get cols(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  get isBracketed(): boolean {
    return this.#terminal.modes.bracketedPasteMode;
  }

  get hasApplicationCursor(): boolean {
    return this.#terminal.modes.applicationCursorKeysMode;
  }

  /** Shows output. `shown` is called when it stands on the screen: more comes then. */
  write(bytes: Uint8Array, shown: () => void): void {
    this.#terminal.write(bytes, shown);
  }

  /** Clears everything, after what was written before. */
  reset(): void {
    this.#terminal.write(RESET);
  }

  /** The size that the element has room for; undefined while it is not shown. */
  room(): TerminalSize | undefined {
    if (this.element.getClientRects().length === 0) return undefined;
    const size = this.#fit.proposeDimensions();
    return size === undefined || Number.isNaN(size.cols) ? undefined : terminalSizeIn(size);
  }

  resize({ cols, rows }: TerminalSize): void {
    if (cols !== this.cols || rows !== this.rows) this.#terminal.resize(cols, rows);
  }

  set fontSize(size: number) {
    if (this.#terminal.options.fontSize !== size) this.#terminal.options.fontSize = size;
  }

  set isRead(isRead: boolean) {
    this.#terminal.options.screenReaderMode = isRead;
  }

  set label(label: string) {
    this.#labelInput(label);
  }

  /** Pastes a text that may be pasted: in brackets, if the program has asked for them. */
  paste(text: string): void {
    this.#terminal.paste(text);
  }

  focus(): void {
    this.#terminal.focus();
  }

  get selection(): string {
    return this.#terminal.getSelection();
  }

  find(text: string, direction: 'next' | 'previous' | 'typed'): void {
    const options: ISearchOptions = { decorations: MATCHES, incremental: direction === 'typed' };
    if (text === '') this.#search.clearDecorations();
    else if (direction === 'previous') this.#search.findPrevious(text, options);
    else this.#search.findNext(text, options);
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stop) stop();
    this.#terminal.dispose();
  }

  #labelInput(label: string): void {
    const { textarea } = this.#terminal;
    textarea?.setAttribute('aria-label', label);
    textarea?.setAttribute('data-host-focus', '');
  }

  #addAddons({ onAddress, onMatches }: ScreenListener): void {
    const terminal = this.#terminal;
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(this.#search);
    terminal.loadAddon(new UnicodeGraphemesAddon());
    terminal.loadAddon(new WebLinksAddon((_event, address) => onAddress(address, false)));
    this.#own(this.#search.onDidChangeResults(({ resultIndex, resultCount }) => onMatches(resultIndex, resultCount)));
  }

  #listen(listener: ScreenListener): void {
    const { element } = this;
    const terminal = this.#terminal;
    const bytesOf = (data: string) => Uint8Array.from(data, (letter) => letter.charCodeAt(0));
    this.#own(
      terminal.onData(listener.onInput),
      terminal.onBinary((data) => listener.onInput(bytesOf(data))),
      terminal.onTitleChange(listener.onTitle),
      terminal.parser.registerOscHandler(52, (data) => (listener.onClipboard(data), true)),
      ...guardReplies(terminal, listener.mayReply),
    );
    terminal.attachCustomKeyEventHandler((event) => this.#key(event, listener));
    // Before xterm.js, which would send the text as it is.
    const paste = (event: ClipboardEvent) => {
      event.preventDefault();
      event.stopPropagation();
      const text = event.clipboardData?.getData('text/plain') ?? '';
      if (text !== '') listener.onPaste(text);
    };
    element.addEventListener('paste', paste, { capture: true });
    this.#stop.push(
      () => element.removeEventListener('paste', paste, { capture: true }),
      watchColours(() => (terminal.options.theme = terminalTheme(element))),
      followFingers(element, { fontSize: () => terminal.options.fontSize ?? 0, zoom: listener.onFontSize }),
    );
  }

  /** Keys of the page, which no program gets. Returns whether xterm.js gets the key. */
  #key(event: KeyboardEvent, { onFind }: ScreenListener): boolean {
    // The page leaves, and the browser pastes.
    if (isPressed(event, 'leaveTerminal') || isPressed(event, 'pasteIntoTerminal')) return false;
    const isCopy = isPressed(event, 'copyFromTerminal');
    if (!isCopy && !isPressed(event, 'findInTerminal')) return true;
    event.preventDefault();
    event.stopPropagation();
    if (event.type !== 'keydown') return false;
    if (!isCopy) onFind();
    else if (this.selection !== '') document.execCommand('copy');
    return false;
  }

  /** Draws by the graphics processor, where there is one; otherwise, and when it is lost, as elements of the page. */
  async #useGraphics(): Promise<void> {
    if (!hasGraphics()) return;
    try {
      const { WebglAddon } = await import('@xterm/addon-webgl');
      const addon = new WebglAddon();
      if (this.#isClosed) return;
      addon.onContextLoss(() => addon.dispose());
      this.#terminal.loadAddon(addon);
    } catch {
      // It is drawn as elements then.
    }
  }

  /** The font of the page may come after the terminal has measured its cells by another one. */
  async #useFont({ onMeasured }: ScreenListener): Promise<void> {
    const { options } = this.#terminal;
    const font = `${options.fontSize}px ${FAMILY}`;
    if (document.fonts.check(font)) return;
    await Promise.allSettled([document.fonts.load(font), document.fonts.load(`bold ${font}`)]);
    if (this.#isClosed) return;
    options.fontFamily = 'monospace';
    options.fontFamily = FAMILY;
    onMeasured();
  }

  #own(...things: readonly IDisposable[]): void {
    this.#stop.push(...things.map((thing) => () => thing.dispose()));
  }
}
