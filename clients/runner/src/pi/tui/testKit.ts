import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAgentSessionFromServices,
  createAgentSessionServices,
  initTheme,
  SessionManager,
} from '@mariozechner/pi-coding-agent';
import type { Author } from '@pizzapi/protocol';
import { DEMO_MODEL } from '../demo/provider.js';
import { demoTools } from '../demo/tools.js';
import { findModel } from '../models.js';
import { modelRegistryOf } from '../versions/modelRegistry.js';
import { readOnlySettings } from '../settings.js';
import { TerminalSession } from './terminalSession.js';

export interface TestTerminal {
  session: TerminalSession;
  /** Who was introduced as the author of what followed. */
  introduced: Author[];
  /** Says something as the person at the terminal does, and waits for the answer. */
  say(text: string): Promise<void>;
  close(): Promise<void>;
}

/** A session of pi as a terminal shows it, with the demo model, and without the terminal. */
export async function openTestTerminal({ sessionFile }: { sessionFile?: string } = {}): Promise<TestTerminal> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-terminal-')));
  const [cwd, agentDir] = [mkdtempSync(join(root, 'cwd-')), mkdtempSync(join(root, 'agent-'))];
  const settingsManager = readOnlySettings(cwd, agentDir, () => true);
  initTheme(settingsManager.getTheme());
  const services = await createAgentSessionServices({
    ...{ cwd, agentDir, settingsManager },
    resourceLoaderOptions: { extensionFactories: [demoTools(() => undefined)] },
  });
  const model = findModel(modelRegistryOf(services), DEMO_MODEL)!;
  const dir = join(agentDir, 'sessions');
  const sessionManager =
    sessionFile === undefined ? SessionManager.create(cwd, dir) : SessionManager.open(sessionFile, dir, cwd);
  const { session: pi } = await createAgentSessionFromServices({ services, sessionManager, model });
  const introduced: Author[] = [];
  const onBug = (error: unknown) => {
    throw error;
  };
  const session = new TerminalSession(pi, {
    introduce: (by) => introduced.push(by),
    showShell: () => undefined,
    onBug,
  });
  await pi.bindExtensions({});
  return {
    session,
    introduced,
    say: async (text) => {
      session.typed();
      await pi.prompt(text);
    },
    close: async () => {
      await pi.abort();
      pi.dispose();
      await rm(root, { recursive: true, force: true });
    },
  };
}
