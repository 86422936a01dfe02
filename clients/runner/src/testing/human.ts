import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventProblem } from '@pizzapi/protocol';
import { afterEach, expect, vi } from 'vitest';
import { openTestSession, type TestSession } from '../pi/testKit.js';
import type { OpenOptions } from '../pi/types.js';

/** Who answers in these tests. */
export const owner = { userId: 'ann', via: 'owner' } as const;
export const OVEN = { question: 'Which oven?', options: ['Wood', 'Gas'] };

const open: TestSession[] = [];
const folders: string[] = [];
let commands = 0;

/** Closes what a test opened, and holds that every event it made is one of the protocol. */
export function tidyUpAfterEach(): void {
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const { log } of open) expect(log.events.map(eventProblem).filter((problem) => problem)).toEqual([]);
    // The last first: it may work in the folders of one before it, which go with that one.
    for (const session of open.splice(0).reverse()) await session.close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
}

export async function start(options: Partial<OpenOptions> = {}): Promise<TestSession> {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  const session = await openTestSession(options);
  open.push(session);
  return session;
}

/** The next process: the same file, opened again. */
export function again(
  { session, cwd, agentDir }: TestSession,
  options: Partial<OpenOptions> = {},
): Promise<TestSession> {
  return start({ cwd, agentDir, sessionFile: session.sessionFile!, model: undefined, ...options });
}

/** Stops a session without the good manners of `dispose`: nothing is told, nothing is written. */
export async function crash({ session, log }: TestSession): Promise<void> {
  const file = session.sessionFile!;
  const text = readFileSync(file, 'utf8');
  const seen = log.events.length;
  await session.dispose();
  log.events.length = seen;
  writeFileSync(file, text);
}

/** A configuration with one extension of the person. */
export function withExtension(body: string): string {
  const agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-agent-'));
  folders.push(agentDir);
  mkdirSync(join(agentDir, 'extensions'));
  writeFileSync(join(agentDir, 'extensions', 'mine.ts'), `export default (pi) => { ${body} };`);
  return agentDir;
}

/** A folder of pi with these settings. */
export function withSettings(settings: object): string {
  const agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-agent-'));
  folders.push(agentDir);
  writeFileSync(join(agentDir, 'settings.json'), JSON.stringify(settings));
  return agentDir;
}

export const say = ({ session }: TestSession, text: string) =>
  session.submitInput({ commandId: `c${++commands}`, text });
export const call = (tool: string, args: object) => `/demo call ${tool} ${JSON.stringify(args)}`;

/** The text of the last message of a role. */
export function last({ log }: TestSession, role: string): string {
  const { message } = log.all('message_end').findLast((end) => end.message.role === role)!;
  const content = message.content as string | { type: string; text?: string }[];
  return typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('');
}

/** Makes the model call a tool, and waits for the end of its run. */
export async function run(test: TestSession, tool: string, args: object): Promise<{ text: string; isError: boolean }> {
  const runs = test.log.all('agent_end').length;
  await say(test, call(tool, args));
  await test.log.next('agent_end', runs + 1);
  return { text: last(test, 'toolResult'), isError: test.log.all('tool_execution_end').at(-1)!.isError };
}

export const ask = (...questions: object[]) => call('ask_user_question', { questions });
