import { TESTED_PI } from './testedPi.js';
import { programUrl } from '@pizzapi/protocol';
import { createApi } from '@pizzapi/session-client';
import { dirname, join } from 'node:path';
import { CLI } from './cli.js';
import type { RunningStack } from './localStack.js';
import { childOf } from './processes.js';
import type { Tmux, Window } from './tmux.js';
import { until } from './until.js';

/** pi's own terminal UI with `/share`, in a window. */
export interface Tui extends Window {
  /** Types a line and sends it. */
  say(line: string): Promise<void>;
  /** Types `/share` with the given words and waits for a link that was not shown before; `sid` is the session's id. */
  share(words?: string): Promise<{ sid: string; url: string }>;
  /** Returns the process id of pi. */
  process(): number;
  /** Ends pi as a person does. */
  quit(): Promise<void>;
}

interface TuiOptions {
  /** The arguments of pi. */
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** Starts `pizzapi` in the project of a stack, as the person of the local run, and waits until pi is ready. */
export async function startTui(
  tmux: Tmux,
  stage: Pick<RunningStack, 'home' | 'project'>,
  { args = [], env = {} }: TuiOptions = {},
): Promise<Tui> {
  // The person's home folder is the one that holds the project.
  const person = dirname(stage.project);
  const agent = join(person, '.pi', 'agent');
  const window = tmux.open(
    [process.execPath, CLI, ...args],
    {
      ...{ HOME: person, PIZZAPI_HOME: stage.home, PI_CODING_AGENT_DIR: agent, PI_OFFLINE: '1', PIZZAPI_PI: TESTED_PI },
      ...{ PIZZAPI_DEMO_SPEED: '600', ...env },
    },
    stage.project,
  );
  await window.shows('demo •');
  const say: Tui['say'] = async (line) => {
    window.type(line);
    await window.shows(line);
    window.press('Enter');
  };
  return {
    ...window,
    say,
    share: async (words = '') => {
      const before = linkIn(window.history());
      await say(`/share ${words}`.trimEnd());
      await window.shows(words.includes('--collab') ? 'watch this session and write' : 'Everyone with this link');
      let last: string | undefined;
      const url = await until('the link is there', () => {
        const link = linkIn(window.history());
        // Waits until the link is complete, because its lines may be drawn one by one.
        const isWhole = link !== before && link === last;
        last = link;
        return isWhole && link;
      });
      return { url, sid: await sessionAt(url) };
    },
    // An installed pi runs in a process of its own.
    process: () => childOf(window.pid(), TESTED_PI === 'bundled' ? CLI : 'terminalLoader.js'),
    quit: async () => {
      window.press('C-c', 'C-c');
      await window.shows('exit 0');
    },
  };
}

/** Returns the last link that a window shows. The link may be broken over several lines. */
function linkIn(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const start = lines.findLastIndex((line) => /^https?:\/\//.test(line));
  if (start < 0) return undefined;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => !/^[\w.#=:/-]+$/.test(line));
  return lines[start]! + rest.slice(0, end < 0 ? rest.length : end).join('');
}

/** The session that the short address of a share link leads to. */
async function sessionAt(url: string): Promise<string> {
  const code = new URL(url).hash.slice(1);
  const opened = await createApi({ url: programUrl(new URL(url).origin) }).openShare(code);
  if (opened.kind === 'failed') throw new Error(opened.error.message);
  return opened.value.sessionId;
}
