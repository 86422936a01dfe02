import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAgentSessionFromServices,
  createAgentSessionServices,
  initTheme,
  SessionManager,
  type AgentSession,
  type ExtensionFactory,
} from '@mariozechner/pi-coding-agent';
import { systemClock } from '../coalesce.js';
import { DEMO_MODEL } from '../demo/provider.js';
import { demoTools } from '../demo/tools.js';
import { Dialogs } from '../dialogs.js';
import { findModel } from '../models.js';
import { readOnlySettings } from '../settings.js';
import { createUiContext } from '../uiContext.js';
import { modelRegistryOf } from '../versions/modelRegistry.js';
import { PlainPi } from './extension.js';
import type { PlainPiSession } from './session.js';

export interface TestPlainPi {
  pi: AgentSession;
  plain: PlainPi;
  session: PlainPiSession;
  /** What was shown in the terminal, one text for each notice. */
  notices: string[];
  /** What was typed behind `/pizzapi`. */
  words: string[];
  close(): Promise<void>;
}

/** A real session of pi with the demo model and our extension, without a terminal. */
export async function openTestPlainPi(...others: ExtensionFactory[]): Promise<TestPlainPi> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-plain-')));
  const [cwd, agentDir] = [mkdtempSync(join(root, 'cwd-')), mkdtempSync(join(root, 'agent-'))];
  const settingsManager = readOnlySettings(cwd, agentDir, () => true);
  initTheme(settingsManager.getTheme());
  const notices: string[] = [];
  const words: string[] = [];
  const plain = new PlainPi(() => ({
    onShare: (typed) => words.push(typed),
    onStart: () => undefined,
    onLeave: () => Promise.resolve(),
    onBug: (error) => {
      throw error;
    },
  }));
  const services = await createAgentSessionServices({
    ...{ cwd, agentDir, settingsManager },
    resourceLoaderOptions: { extensionFactories: [demoTools(() => undefined), (pi) => plain.load(pi), ...others] },
  });
  const model = findModel(modelRegistryOf(services), DEMO_MODEL)!;
  const sessionManager = SessionManager.create(cwd, join(agentDir, 'sessions'));
  const { session: pi } = await createAgentSessionFromServices({ services, sessionManager, model });
  const ui = createUiContext(new Dialogs(() => undefined, systemClock));
  await pi.bindExtensions({ uiContext: { ...ui, theme: ui.theme, notify: (text) => notices.push(text) } });
  return {
    ...{ pi, plain, notices, words },
    session: plain.terminal.session!,
    close: async () => {
      await pi.abort();
      pi.dispose();
      await rm(root, { recursive: true, force: true });
    },
  };
}
