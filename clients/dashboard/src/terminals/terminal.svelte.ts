import { newId, type ErrorInfo, type TerminalExit, type TerminalViewer } from '@pizzapi/protocol';
import {
  TerminalConnection,
  watchConnectivity,
  type ConnectionView,
  type ConnectedTerminal,
} from '@pizzapi/session-client';
import { tick } from 'svelte';
import { clipboardRequest } from '../model/terminalClipboard.js';
import { extraKeyInput, withModifiers, type ExtraKey } from '../model/terminalKeys.js';
import { inOneLine, MAX_PASTE, needsPasteQuestion, pastable } from '../model/terminalPaste.js';
import { fontSizeIn, scaledFontSize, type TerminalSize } from '../model/terminalSize.js';
import { titleText, webAddress } from '../model/terminalTexts.js';
import { visible } from '../model/visible.js';
import { forPage } from '../model/pageErrors.js';
import { signedIn } from '../state/client.js';
import { copyText } from '../state/clipboard.js';
import { storage, tabStorage } from '../state/storage.js';
import { toasts } from '../state/toasts.svelte.js';
import { isFocusReport } from './queries.js';
import { TerminalScreen, type ScreenListener } from './screen.js';

/** A size that a person drags changes many times: the host gets the last one after so long, in ms. */
const RESIZE_MS = 80;
/** A text that a program asks to copy is in sight for so long before it can be copied, in ms. */
const OFFER_MS = 400;

/** How this browser shows terminals. */
class TerminalLooks {
  fontSize = $state(fontSizeIn(Number(storage.get('terminal.font') ?? Number.NaN)));
  isRead = $state(storage.get('terminal.read') === 'yes');

  setFontSize(size: number): void {
    this.fontSize = fontSizeIn(size);
    storage.set('terminal.font', String(this.fontSize));
  }

  setRead(isRead: boolean): void {
    this.isRead = isRead;
    storage.set('terminal.read', isRead ? 'yes' : '');
  }
}
export const looks = new TerminalLooks();

/** The id of this tab of the browser as a viewer. It keeps the keyboard when the page is loaded again, but not its copy. */
function viewerId(): string {
  const [navigation] = performance.getEntriesByType('navigation');
  const isAgain = navigation instanceof PerformanceNavigationTiming && navigation.type === 'reload';
  const id = (isAgain ? tabStorage.get('terminal.viewer') : undefined) ?? newId('v');
  tabStorage.set('terminal.viewer', id);
  return id;
}
const VIEWER = viewerId();

/** One terminal as this page shows it: its connection, its screen, and what a person is asked about. */
export class TerminalView implements ScreenListener {
  readonly terminalId: string;
  connection = $state.raw<ConnectionView>()!;
  host = $state.raw<'connected' | 'lost'>('connected');
  exit = $state.raw<TerminalExit>();
  /** The title that the program has set. */
  title = $state('');
  /** Bytes of output that are not kept any more. */
  lost = $state(0);
  writer = $state.raw<TerminalViewer | null>(null);
  viewers = $state.raw<readonly TerminalViewer[]>([]);
  name = $state('');
  hasKeyboard = $state(false);
  /** A person has typed while another viewer has the keyboard. */
  wasRefused = $state(false);
  /** A text that the program asks to copy. */
  offered = $state.raw<string>();
  /** It has been in sight for a moment: a program cannot exchange it under the pointer. */
  canCopy = $state(false);
  /** A text of several lines that a person pastes. */
  pasting = $state.raw<string>();
  /** An address that a person has clicked, before it is opened. */
  address = $state.raw<string>();
  ctrl = $state(false);
  alt = $state(false);
  finding = $state(false);
  /** The match that is shown, from 0, and their number. */
  matches = $state.raw<{ current: number; count: number }>();
  /** Whether what is typed reaches the shell: this viewer has the keyboard, or no viewer has it. */
  readonly canType = $derived(this.hasKeyboard || this.writer === null);

  readonly #terminal: TerminalConnection;
  readonly #stop: (() => void)[];
  #screen: TerminalScreen | undefined;
  #theirs: ConnectedTerminal | undefined;
  /** Parts of a replay that are not on the screen yet: nothing in them is answered. */
  #replays = 0;
  /** All that was printed was printed for this viewer. */
  #isFresh: boolean;
  #resizing: ReturnType<typeof setTimeout> | undefined;
  #offering: ReturnType<typeof setTimeout> | undefined;

  /** `isNew`: this page has just opened it, so that its first output is no replay. */
  constructor(terminalId: string, isNew: boolean) {
    this.terminalId = terminalId;
    this.#isFresh = isNew;
    this.#terminal = new TerminalConnection({ ...signedIn, terminalId, viewer: VIEWER });
    this.connection = this.#terminal.connection;
    this.#stop = [
      this.#terminal.onData((bytes, taken) => this.#show(bytes, taken)),
      this.#terminal.onReset((first) => {
        this.#screen?.reset();
        this.lost = first;
      }),
      this.#terminal.subscribe(() => this.#pull()),
      watchConnectivity(this.#terminal),
    ];
  }

  /** Puts it on the screen. Returns how to leave; the terminal continues. */
  show(element: HTMLElement, label: string): () => void {
    const screen = new TerminalScreen(element, this, { fontSize: looks.fontSize, isRead: looks.isRead, label });
    this.#screen = screen;
    const resized = new ResizeObserver(() => this.fit());
    resized.observe(element);
    this.#terminal.start();
    return () => {
      resized.disconnect();
      clearTimeout(this.#resizing);
      clearTimeout(this.#offering);
      for (const stop of this.#stop) stop();
      this.#terminal.close();
      screen.close();
      this.#screen = undefined;
    };
  }

  /**
   * Makes the screen as large as its place, or shows that of the writer as it is. Output that is not shown yet was drawn for the
   * size that the host has, so that the screen has this size until then.
   */
  fit(): void {
    const screen = this.#screen;
    if (screen === undefined) return;
    screen.fontSize = looks.fontSize;
    screen.isRead = looks.isRead;
    const room = screen.room();
    if (room === undefined) return;
    clearTimeout(this.#resizing);
    const theirs = this.#theirs;
    if (theirs === undefined) return screen.resize(room);
    if (this.canType && this.#isCurrent) {
      screen.resize(room);
      this.#resizing = setTimeout(() => this.#tellSize(room), RESIZE_MS);
      return;
    }
    if (!this.canType) screen.fontSize = scaledFontSize(looks.fontSize, room, theirs);
    screen.resize(theirs);
  }

  /** The name of the screen for screen readers. */
  relabel(label: string): void {
    if (this.#screen !== undefined) this.#screen.label = label;
  }

  focus(): void {
    this.#screen?.focus();
  }

  takeKeyboard(): void {
    this.wasRefused = false;
    this.#terminal.takeKeyboard();
    this.focus();
  }

  kill(): void {
    this.#terminal.kill();
  }

  /** A key of the row of keys. */
  press(key: ExtraKey): void {
    this.#send(extraKeyInput(key, this.#takeHeld(), this.#screen?.hasApplicationCursor === true));
  }

  onInput = (data: string | Uint8Array): void => {
    if (typeof data === 'string' && isFocusReport(data)) {
      if (this.hasKeyboard) this.#terminal.input(data);
    } else this.#send(typeof data === 'string' ? withModifiers(data, this.#takeHeld()) : data);
  };

  onPaste = (given: string): void => {
    if (given.length > MAX_PASTE) return toasts.info('The text is too long to be pasted.');
    const text = pastable(given);
    if (!this.canType) this.wasRefused = true;
    else if (needsPasteQuestion(text, this.#screen?.isBracketed === true)) this.pasting = text;
    else this.#screen?.paste(text);
  };

  /** Ends the question about a paste. */
  answerPaste(how: 'paste' | 'one line' | 'cancel'): void {
    const text = this.pasting;
    this.pasting = undefined;
    if (text !== undefined && how !== 'cancel') this.#screen?.paste(how === 'paste' ? text : inOneLine(text));
  }

  onTitle = (title: string): void => {
    this.title = titleText(title);
  };

  onClipboard = (data: string): void => {
    const text = this.#replays === 0 ? clipboardRequest(data) : undefined;
    if (text === undefined) return;
    this.offered = text;
    this.canCopy = false;
    clearTimeout(this.#offering);
    this.#offering = setTimeout(() => (this.canCopy = true), OFFER_MS);
  };

  async copyOffered(): Promise<void> {
    const text = this.offered;
    this.offered = undefined;
    if (text !== undefined && (await copyText(text))) toasts.info('Copied.');
  }

  onAddress = (address: string, isHidden: boolean): void => {
    const url = webAddress(address);
    if (url === undefined) return;
    if (isHidden) this.address = url;
    else open(url, '_blank', 'noopener,noreferrer');
  };

  /** Ends the question about an address. */
  answerAddress(isOpened: boolean): void {
    const address = this.address;
    this.address = undefined;
    if (isOpened && address !== undefined) open(address, '_blank', 'noopener,noreferrer');
  }

  onFind = (): void => {
    this.finding = true;
  };

  onMatches = (current: number, count: number): void => {
    this.matches = { current, count };
  };

  find(text: string, direction: 'next' | 'previous' | 'typed'): void {
    if (text === '') this.matches = undefined;
    this.#screen?.find(text, direction);
  }

  closeFind(): void {
    this.find('', 'typed');
    this.finding = false;
    this.focus();
  }

  onFontSize = (fontSize: number): void => looks.setFontSize(fontSize);

  onMeasured = (): void => this.fit();

  mayReply = (): boolean => this.hasKeyboard && this.#replays === 0;

  #show(bytes: Uint8Array, taken: () => void): void {
    const screen = this.#screen;
    if (screen === undefined) return taken();
    const isReplay = !this.#isFresh && this.#terminal.connection.state.kind !== 'live';
    if (isReplay) this.#replays++;
    screen.write(bytes, () => {
      if (isReplay && --this.#replays === 0) this.fit();
      taken();
    });
  }

  #send(data: string | Uint8Array): void {
    if (!this.canType) {
      this.wasRefused = true;
      return;
    }
    if (!this.hasKeyboard) this.#terminal.takeKeyboard();
    this.#terminal.input(data);
  }

  #takeHeld(): { ctrl: boolean; alt: boolean } {
    const { ctrl, alt } = this;
    this.ctrl = this.alt = false;
    return { ctrl, alt };
  }

  /** Fits the screen to the place that it has when the page shows the state of the connection. */
  async #fitSoon(): Promise<void> {
    await tick();
    this.fit();
  }

  /** Whether the screen shows all that was printed until now, and the host can be told another size. */
  get #isCurrent(): boolean {
    const { connection, host } = this.#terminal;
    return connection.state.kind === 'live' && host === 'connected' && this.#replays === 0;
  }

  #tellSize({ cols, rows }: TerminalSize): void {
    const theirs = this.#theirs;
    if (theirs === undefined || !this.canType || !this.#isCurrent || (theirs.cols === cols && theirs.rows === rows))
      return;
    this.#terminal.resize(cols, rows);
  }

  /** Takes over what the connection says. */
  #pull(): void {
    const terminal = this.#terminal;
    const wasLive = this.connection.state.kind === 'live';
    this.connection = terminal.connection;
    this.host = terminal.host;
    this.exit = terminal.exit;
    const isLive = terminal.connection.state.kind === 'live';
    if (isLive) this.#isFresh = false;
    const view = terminal.view;
    if (view !== undefined && view !== this.#theirs) {
      this.#theirs = view;
      ({ writer: this.writer, viewers: this.viewers, name: this.name } = visible(view));
      this.hasKeyboard = terminal.hasKeyboard;
      if (this.canType) this.wasRefused = false;
      void this.#fitSoon();
    } else if (isLive && !wasLive) void this.#fitSoon();
    const { problem } = terminal;
    if (problem === undefined || problem === this.#shown) return;
    this.#shown = problem;
    if (problem.code === 'keyboard_taken') this.wasRefused = true;
    else if (terminal.connection.state.kind !== 'closed') toasts.error(forPage(visible(problem)));
  }
  #shown: ErrorInfo | undefined;
}
