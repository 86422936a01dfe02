import type { TerminalInfo, TerminalViewer } from '@pizzapi/protocol';
import { SESSIONS } from './lists.js';

const NOW = Date.now();
const ME = 'Ada Lovelace';
/** The session that the terminals belong to. */
const SESSION = SESSIONS[0]!.sessionId;

/** A terminal of the scripted gateway: what it has printed, and who watches. */
export interface ScriptedTerminal extends TerminalInfo {
  /** The output after this byte is kept. */
  first: number;
  output: Uint8Array;
}

type Emit = (...frames: object[]) => void;
interface Up {
  type: string;
  after?: number;
  viewer?: string;
  bytes?: Uint8Array;
  cols?: number;
  rows?: number;
  n?: number;
}

const encoder = new TextEncoder();
const SCREEN = [
  '\x1b[1;32mada@laptop\x1b[0m:\x1b[34m~/code/pizzapi\x1b[0m$ git status --short\r\n',
  ' \x1b[31mM\x1b[0m clients/dashboard/src/App.svelte\r\n',
  '\x1b[31m??\x1b[0m clients/dashboard/src/terminals/\r\n',
  '\x1b[1;32mada@laptop\x1b[0m:\x1b[34m~/code/pizzapi\x1b[0m$ npm run check\r\n\r\n',
  '\x1b[38;2;250;160;60m> svelte-check\x1b[0m found \x1b[32m0 errors\x1b[0m and \x1b[33m0 warnings\x1b[0m  ✓ 👩‍💻 日本\r\n',
  '\x1b[1;32mada@laptop\x1b[0m:\x1b[34m~/code/pizzapi\x1b[0m$ ',
].join('');

function terminal(id: string, fields: Partial<ScriptedTerminal>): ScriptedTerminal {
  const output = encoder.encode(SCREEN);
  return {
    ...{ terminalId: `t_${id}_r1`, name: 'bash', cwd: '/home/ada/code/pizzapi', cols: 80, rows: 24 },
    ...{ openedAt: NOW - 3_600_000, usedAt: NOW, writer: null, viewers: 0, head: output.byteLength },
    ...{ first: 0, output },
    ...fields,
  };
}

/** The terminals of a scripted host, and the sockets that watch them. */
export class ScriptedTerminals {
  /** What viewers have sent, in order: what was typed as text. */
  readonly sent: { terminalId: string; type: string; text?: string; cols?: number; rows?: number; n?: number }[] = [];
  readonly all: ScriptedTerminal[] = [];
  readonly #watchers = new Map<Emit, { terminalId: string; viewer: TerminalViewer }>();
  #opened = 0;

  constructor(scene: string) {
    if (scene !== 'terminals') return;
    this.all.push(
      terminal('aaaaaaaaaaaa', { sessionId: SESSION }),
      terminal('bbbbbbbbbbbb', {
        ...{ name: 'server', openedAt: NOW - 60_000, sessionId: SESSION, cols: 100, rows: 30 },
        writer: { viewer: 'v_other', name: 'Ada Lovelace, phone' },
      }),
      terminal('cccccccccccc', { name: 'notes', cwd: '/home/ada/notes', first: 2 * 1024 * 1024 }),
    );
  }

  /** What a request about terminals is answered with; undefined for any other request. */
  answer(path: string, body: Record<string, unknown>): object | undefined {
    const method = /\/rpc\/(\w+)$/.exec(path)?.[1];
    const one = this.#find(body['terminalId']);
    switch (method) {
      case 'list_terminals':
        return { terminals: this.all.map(({ output: _, first: __, ...info }) => info) };
      case 'new_terminal': {
        const letter = String.fromCharCode('m'.charCodeAt(0) + this.#opened++);
        const sessionId = body['sessionId'];
        const made = terminal(letter.repeat(12), {
          ...{ openedAt: Date.now(), cols: Number(body['cols']), rows: Number(body['rows']) },
          ...(typeof sessionId === 'string' ? { sessionId } : {}),
          ...(typeof body['cwd'] === 'string' ? { cwd: body['cwd'] } : {}),
          ...(path.includes('/r1/') ? {} : { terminalId: `t_${letter.repeat(12)}_r2` }),
        });
        this.all.push(made);
        return { terminalId: made.terminalId, name: made.name, cwd: made.cwd };
      }
      case 'rename_terminal':
        if (one !== undefined) this.#change(one, { name: String(body['name']) });
        return {};
      case 'kill_terminal':
        if (one !== undefined) this.end(one.terminalId, null, 'SIGHUP');
        return {};
      default:
        return undefined;
    }
  }

  greet(path: string, emit: Emit): boolean {
    const one = this.#find(path.split('/').at(-1));
    if (one === undefined) return false;
    const { terminalId, cwd, first, head } = one;
    emit({
      type: 'terminal_connected',
      protocol: 1,
      terminalId,
      runnerId: 'r1',
      cwd,
      first,
      head,
      ...this.#shown(one),
    });
    return true;
  }

  receive(path: string, frame: Up, emit: Emit): void {
    const one = this.#find(path.split('/').at(-1));
    if (one === undefined) return;
    const { terminalId } = one;
    const { type, bytes, cols, rows, n } = frame;
    if (type !== 'resume' && type !== 'ping')
      this.sent.push({
        ...{ terminalId, type },
        ...(bytes === undefined ? {} : { text: new TextDecoder().decode(bytes) }),
        ...(cols === undefined || rows === undefined ? {} : { cols, rows }),
        ...(n === undefined ? {} : { n }),
      });
    const me = this.#watchers.get(emit)?.viewer;
    if (type === 'resume') this.#resume(one, frame, emit);
    else if (type === 'take_keyboard' && me !== undefined) this.#change(one, { writer: me });
    else if (type === 'terminal_resize') this.#change(one, { cols: cols!, rows: rows! });
    else if (type === 'kill_terminal') this.end(terminalId, null, 'SIGHUP');
  }

  leave(emit: Emit): void {
    this.#watchers.delete(emit);
  }

  /** Prints a text, or bytes. */
  print(terminalId: string, text: string): void {
    const one = this.#find(terminalId);
    if (one === undefined) return;
    const bytes = encoder.encode(text);
    const output = new Uint8Array(one.output.byteLength + bytes.byteLength);
    output.set(one.output);
    output.set(bytes, one.output.byteLength);
    Object.assign(one, { output, head: one.head + bytes.byteLength });
    this.#tell(one, { type: 'terminal_data', n: one.first + output.byteLength, bytes });
  }

  /** Another viewer takes the keyboard. */
  take(terminalId: string, name: string): void {
    const one = this.#find(terminalId);
    if (one !== undefined) this.#change(one, { writer: { viewer: 'v_other', name } });
  }

  end(terminalId: string, code: number | null, signal: string | null): void {
    const one = this.#find(terminalId);
    if (one === undefined) return;
    this.all.splice(this.all.indexOf(one), 1);
    this.#tell(one, { type: 'terminal_exit', code, signal });
  }

  #resume(one: ScriptedTerminal, { after = 0, viewer = 'v_1' }: Up, emit: Emit): void {
    const me = { viewer, name: ME };
    this.#watchers.set(emit, { terminalId: one.terminalId, viewer: me });
    if (one.writer === null) one.writer = me;
    const end = one.first + one.output.byteLength;
    if (after < one.first) emit({ type: 'terminal_reset', first: one.first });
    const bytes = one.output.slice(Math.max(0, after - one.first));
    if (bytes.byteLength > 0) emit({ type: 'terminal_data', n: end, bytes });
    emit({ type: 'terminal_ready', n: end, viewer });
    this.#change(one, {});
  }

  #change(one: ScriptedTerminal, changes: Partial<ScriptedTerminal>): void {
    Object.assign(one, changes);
    this.#tell(one, { type: 'terminal_state', ...this.#shown(one) });
  }

  #shown({ terminalId, cols, rows, writer, name }: ScriptedTerminal) {
    const here = [...this.#watchers.values()].filter((one) => one.terminalId === terminalId);
    const others = writer !== null && !here.some(({ viewer }) => viewer.viewer === writer.viewer) ? [writer] : [];
    return { cols, rows, writer, name, viewers: [...here.map(({ viewer }) => viewer), ...others] };
  }

  #tell({ terminalId }: ScriptedTerminal, frame: object): void {
    for (const [emit, watcher] of this.#watchers) if (watcher.terminalId === terminalId) emit(frame);
  }

  #find(terminalId: unknown): ScriptedTerminal | undefined {
    return this.all.find((one) => one.terminalId === terminalId);
  }
}
