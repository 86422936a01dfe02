import { spawnSync } from 'node:child_process';
import { until } from './until.js';

/** One window of a separate tmux server: what a person sees and types. */
export interface Window {
  /** Returns the visible text. */
  text(): string;
  /** Returns the visible text and the text that has scrolled out. */
  history(): string;
  /** Types a text as a person does. */
  type(text: string): void;
  /** Presses keys, by tmux's names. */
  press(...keys: string[]): void;
  shows(what: string | RegExp, ms?: number): Promise<string>;
  hides(what: string | RegExp, ms?: number): Promise<string>;
  /** Returns the title that the command has given to the window. */
  title(): string;
  /** Returns the process id of the window's command. */
  pid(): number;
  /** Closes the window as a person does: its processes receive a hang-up. */
  close(): void;
}

export interface Tmux {
  /** Runs a command in a new window. When the command ends, the window shows `exit <code>` and stays. */
  open(command: readonly string[], env: Readonly<Record<string, string>>, cwd: string): Window;
  /** Closes every window. */
  kill(): void;
}

let servers = 0;

/** Starts a separate tmux server without a person's configuration. */
export function startTmux(size = { columns: 120, rows: 100 }): Tmux {
  const server = `pizzapi-test-${process.pid}-${(servers += 1)}`;
  const tmux = (...args: string[]) =>
    spawnSync('tmux', ['-L', server, '-f', '/dev/null', ...args], { encoding: 'utf8' }).stdout;
  let windows = 0;
  const open: Tmux['open'] = (command, env, cwd) => {
    const name = `w${(windows += 1)}`;
    const words = ['env', ...Object.entries(env).map(([key, value]) => `${key}=${value}`), ...command];
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const dimensions = ['-x', String(size.columns), '-y', String(size.rows)];
    tmux('new-session', '-d', '-s', name, '-c', cwd, ...dimensions, `${quoted}; echo "exit $?"; exec sleep 600`);
    const text = () => tmux('capture-pane', '-p', '-t', name);
    const waitFor = async (what: string | RegExp, isThere: boolean, ms?: number) => {
      const holds = () => (typeof what === 'string' ? text().includes(what) : what.test(text())) === isThere;
      try {
        await until(`the window ${isThere ? 'shows' : 'hides'} ${String(what)}`, holds, ms);
      } catch (thrown) {
        throw new Error(`${String(thrown)}\n${text()}`, { cause: thrown });
      }
      return text();
    };
    return {
      text,
      history: () => tmux('capture-pane', '-p', '-S', '-', '-t', name),
      type: (words) => void tmux('send-keys', '-t', name, '-l', words),
      press: (...keys) => void tmux('send-keys', '-t', name, ...keys),
      shows: (what, ms) => waitFor(what, true, ms),
      hides: (what, ms) => waitFor(what, false, ms),
      title: () => tmux('display-message', '-p', '-t', name, '#{pane_title}').trim(),
      pid: () => Number(tmux('display-message', '-p', '-t', name, '#{pane_pid}').trim()),
      close: () => void tmux('kill-session', '-t', name),
    };
  };
  return { open, kill: () => void tmux('kill-server') };
}
