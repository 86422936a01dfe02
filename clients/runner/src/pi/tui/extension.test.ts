import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAgentSessionFromServices,
  createAgentSessionServices,
  initTheme,
  SessionManager,
  type AgentSession,
} from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../coalesce.js';
import { DEMO_MODEL } from '../demo/provider.js';
import { Dialogs } from '../dialogs.js';
import { findModel } from '../models.js';
import { modelRegistryOf } from '../versions/modelRegistry.js';
import { readOnlySettings } from '../settings.js';
import { createUiContext } from '../uiContext.js';
import { terminalExtension } from './extension.js';

let cwd: string;
let agentDir: string;
let pi: AgentSession | undefined;
let dialogs: Dialogs;

beforeEach(() => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-terminal-')));
  [cwd, agentDir] = [join(root, 'cwd'), join(root, 'agent')];
  mkdirSync(join(cwd, '.pi'), { recursive: true });
  mkdirSync(join(agentDir, 'extensions'), { recursive: true });
  writeFileSync(join(cwd, '.pi', 'settings.json'), JSON.stringify({ shellCommandPrefix: 'touch ran' }));
  vi.stubEnv('PI_CODING_AGENT_DIR', agentDir);
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  dialogs = new Dialogs(() => undefined, systemClock);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await pi?.abort();
  pi?.dispose();
  rmSync(join(cwd, '..'), { recursive: true });
});

/** What pi's terminal runs, without its screen. */
async function openTerminal(): Promise<AgentSession> {
  const settingsManager = readOnlySettings(cwd, agentDir, () => true);
  initTheme(settingsManager.getTheme());
  const extension = terminalExtension({
    session: () => undefined,
    onShare: () => undefined,
    onStart: () => undefined,
    onLeave: async () => undefined,
    human: true,
    approvals: 'allow',
  });
  const services = await createAgentSessionServices({
    ...{ cwd, agentDir, settingsManager },
    resourceLoaderOptions: { extensionFactories: [extension] },
  });
  const model = findModel(modelRegistryOf(services), DEMO_MODEL)!;
  const sessionManager = SessionManager.create(cwd, join(agentDir, 'sessions'));
  ({ session: pi } = await createAgentSessionFromServices({ services, sessionManager, model }));
  await pi.bindExtensions({ uiContext: createUiContext(dialogs) });
  return pi;
}

async function bash(session: AgentSession, command: string): Promise<string> {
  await session.prompt(`/demo call bash ${JSON.stringify({ command })}`);
  await session.agent.waitForIdle();
  const result = session.messages.findLast(({ role }) => role === 'toolResult');
  return isMap(result) ? JSON.stringify(result['content']) : '';
}

const ran = () => existsSync(join(cwd, 'ran'));

it('in a terminal too, what only reads runs guarded in plan mode, and everything as ever without', async () => {
  const session = await openTerminal();
  await session.prompt('/plan on');
  expect(await bash(session, 'echo baked')).toContain('baked');
  expect(await bash(session, 'git --version')).toContain('git version');
  expect(await bash(session, 'touch x')).toContain('Plan mode is on');
  expect(ran()).toBe(false);
  await session.prompt('/plan off');
  expect(await bash(session, 'echo baked')).toContain('baked');
  expect(ran()).toBe(true);
});

it('a bash of the person’s own extension stays, and gets nothing that would have to be guarded', async () => {
  const tool = `{ name: 'bash', label: 'bash', description: 'x',
    parameters: { type: 'object', properties: { command: { type: 'string' } } },
    execute: async () => ({ content: [{ type: 'text', text: 'over there' }], details: undefined }) }`;
  writeFileSync(join(agentDir, 'extensions', 'mine.ts'), `export default (pi) => { pi.registerTool(${tool}); };`);
  const session = await openTerminal();
  await session.prompt('/plan on');
  expect(await bash(session, 'echo baked')).toContain('over there');
  expect(await bash(session, 'git --version')).toContain('an extension replaces bash');
});
