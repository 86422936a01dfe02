import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ApprovalFile } from './approvalFile.js';
import type { ApprovalRule } from './approvalPolicy.js';

let folder: string;
const rule = (command: string, decision: ApprovalRule['decision'] = 'allow'): ApprovalRule => ({
  tool: 'bash',
  command,
  decision,
});

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pizzapi-approvals-'))));
afterEach(() => rmSync(folder, { recursive: true }));

it('keeps the rules of each folder apart, the newest word on a subject, for its owner only', async () => {
  const here = new ApprovalFile(join(folder, 'agent'), '/here');
  const there = new ApprovalFile(join(folder, 'agent'), '/there');
  expect(await here.read()).toEqual([]);
  await here.add([rule('make'), rule('git push *')]);
  await there.add([rule('ls', 'deny')]);
  await here.add([rule('make', 'deny')]);
  expect(await here.read()).toEqual([rule('git push *'), rule('make', 'deny')]);
  expect(statSync(here.path).mode & 0o777).toBe(0o600);
  await here.forget();
  expect(await here.read()).toEqual([]);
  expect(await there.read()).toEqual([rule('ls', 'deny')]);
});

it('passes over what is no rule, and refuses a file it cannot read instead of writing over it', async () => {
  const file = new ApprovalFile(folder, '/here');
  writeFileSync(file.path, JSON.stringify({ folders: { '/here': [{ tool: 1 }, rule('ls'), { tool: 'bash' }] } }));
  expect(await file.read()).toEqual([rule('ls')]);
  writeFileSync(file.path, '{ "folders": ');
  await expect(file.read()).rejects.toThrow('is not JSON');
  await expect(file.add([rule('ls')])).rejects.toThrow('is not JSON');
  expect(readFileSync(file.path, 'utf8')).toBe('{ "folders": ');
});
