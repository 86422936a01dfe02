import type { ExtensionUIContext } from '@mariozechner/pi-coding-agent';
import type { Author, SessionEvent } from '@pizzapi/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../coalesce.js';
import { Dialogs } from '../dialogs.js';
import { mirroredUi } from './mirroredUi.js';
import { DialogQueue } from './dialogQueue.js';

const LOCAL: Author = { userId: 'ann', via: 'terminal' };
const AFAR: Author = { userId: 'ada', via: 'owner', name: 'Ada' };

interface OnScreen {
  title: string;
  /** What the person at the terminal chooses; undefined is Escape. */
  choose: (value: unknown) => void;
}

/** A terminal with room for one dialog, as pi's has. */
class FakeTerminal {
  shown: OnScreen | undefined;
  readonly notices: string[] = [];
  #waiting: (() => void)[] = [];

  readonly ui = {
    select: (title: string, _options: string[], limits?: { signal?: AbortSignal }) => this.#show(title, limits),
    confirm: (title: string, _message: string, limits?: { signal?: AbortSignal }) => this.#show(title, limits),
    input: (title: string, _placeholder?: string, limits?: { signal?: AbortSignal }) => this.#show(title, limits),
    notify: (message: string) => this.notices.push(message),
  } as unknown as ExtensionUIContext;

  /** Resolves with the next dialog of this title that is on the screen. */
  async shows(title: string): Promise<OnScreen> {
    while (this.shown?.title !== title) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.shown;
  }

  #show(title: string, limits?: { signal?: AbortSignal }): Promise<unknown> {
    return new Promise((resolve) => {
      const close = (value: unknown) => {
        this.shown = undefined;
        resolve(value);
      };
      limits?.signal?.addEventListener('abort', () => close(undefined), { once: true });
      this.shown = { title, choose: close };
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }
}

let events: SessionEvent[];
let dialogs: Dialogs;
let terminal: FakeTerminal;
let ui: ExtensionUIContext;

beforeEach(() => {
  events = [];
  dialogs = new Dialogs((event) => events.push(event), systemClock);
  terminal = new FakeTerminal();
  ui = mirroredUi({ terminal: terminal.ui, dialogs, line: new DialogQueue(), local: () => LOCAL });
});

const opened = () => events.flatMap((event) => (event.type === 'dialog_opened' ? [event.dialogId] : []));
const last = () => events.at(-1);

describe('a dialog in a terminal that may be shared', () => {
  it('answered here is told to the viewers, with who answered', async () => {
    const answer = ui.confirm('Sure?', 'Really');
    (await terminal.shows('Sure?')).choose(true);
    expect(await answer).toBe(true);
    expect(last()).toMatchObject({ type: 'dialog_resolved', value: true, outcome: 'answered', by: LOCAL });
  });

  it('answered from afar closes here', async () => {
    const answer = ui.select('Which?', ['a', 'b']);
    await terminal.shows('Which?');
    expect(dialogs.answer(opened()[0]!, 'b', AFAR)).toBe('resolved');
    expect(await answer).toBe('b');
    expect(terminal.shown).toBeUndefined();
    expect(last()).toMatchObject({ type: 'dialog_resolved', value: 'b', by: AFAR });
    expect(dialogs.answer(opened()[0]!, 'a', AFAR)).toBe('late');
  });

  it('left with Escape is cancelled for everybody; a "no" is an answer', async () => {
    const name = ui.input('Name?');
    (await terminal.shows('Name?')).choose(undefined);
    expect(await name).toBeUndefined();
    expect(last()).toMatchObject({ outcome: 'cancelled', by: LOCAL });
    const sure = ui.confirm('Sure?', '');
    (await terminal.shows('Sure?')).choose(false);
    expect(await sure).toBe(false);
    expect(last()).toMatchObject({ outcome: 'answered', value: false });
  });

  it('waits for its turn here while another is open, and may be answered from afar meanwhile', async () => {
    const answers = [ui.input('First?'), ui.input('Second?'), ui.input('Third?')];
    const first = await terminal.shows('First?');
    dialogs.answer(opened()[1]!, 'from afar', AFAR);
    first.choose('one');
    (await terminal.shows('Third?')).choose('three');
    expect(await Promise.all(answers)).toEqual(['one', 'from afar', 'three']);
  });

  it('closes on both sides when its asker gives up', async () => {
    const stop = new AbortController();
    const answer = ui.select('Which?', ['a'], { signal: stop.signal });
    await terminal.shows('Which?');
    stop.abort();
    expect(await answer).toBeUndefined();
    expect(terminal.shown).toBeUndefined();
    expect(last()).toMatchObject({ outcome: 'cancelled' });
  });

  it('that is open when the sharing begins is told then, as are texts that stay in sight', async () => {
    ui = mirroredUi({
      terminal: { ...terminal.ui, setStatus: () => undefined },
      dialogs,
      line: new DialogQueue(),
      local: () => LOCAL,
    });
    ui.setStatus('clock', '12:00');
    ui.setStatus('gone', 'soon');
    ui.setStatus('gone', undefined);
    const answer = ui.input('Name?');
    const [, , , dialogId] = opened();
    events.length = 0;
    dialogs.repeat();
    expect(events).toMatchObject([
      { method: 'status', key: 'clock', title: '12:00' },
      { method: 'input', dialogId },
    ]);
    dialogs.answer(dialogId!, 'Ada', AFAR);
    expect(await answer).toBe('Ada');
  });
});

it('a notice is shown here and told to the viewers', () => {
  ui.notify('Look', 'warning');
  expect(terminal.notices).toEqual(['Look']);
  expect(last()).toMatchObject({ method: 'notify', title: 'Look', level: 'warning' });
});
