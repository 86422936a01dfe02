import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shareLocalStack, type SharedStack } from '../support/localStack.js';
import { until } from '../support/until.js';
import { newSession, watch } from '../support/viewer.js';
import { ask, type HttpAnswer } from './support/http.js';

let stage: SharedStack;
let first: string;
/** pi's file of a session that is there. */
let file: string;
/** Somewhere that the runner's roots do not reach. */
let outside: string;

const HEADER = '{"type":"session","version":3,"id":"s","timestamp":"2026-01-01T00:00:00Z","cwd":"/"}\n';

beforeAll(async () => {
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-outside-')));
  stage = await shareLocalStack();
  first = await newSession(stage, 'Hello');
  const watcher = watch(stage, first);
  await watcher.next('agent_end');
  watcher.close();
  file = await until('pi has written its file', () => filesOfPi().at(0));
});
afterAll(async () => {
  await stage?.release();
  rmSync(outside, { recursive: true, force: true });
});

function filesOfPi(): string[] {
  const folder = join(dirname(stage.project), '.pi', 'agent', 'sessions');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => join(folder, name));
}

const resume = (resumedFrom: string): Promise<HttpAnswer> =>
  ask(stage.url, '/api/sessions', {
    bearer: stage.token,
    json: { cwd: stage.project, model: 'demo/demo', resumedFrom },
  });

/** The same file under other names. */
function names(): Record<string, string> {
  const link = join(stage.project, 'link.jsonl');
  const folder = join(stage.project, 'folder');
  const hard = join(stage.project, 'hard.jsonl');
  for (const path of [link, folder, hard]) rmSync(path, { force: true });
  symlinkSync(file, link);
  symlinkSync(dirname(file), folder);
  linkSync(file, hard);
  return {
    'as it is': file,
    'with two dots': join(dirname(file), 'x', '..').concat('/../', file.slice(dirname(dirname(file)).length + 1)),
    'by a link': link,
    'in a linked folder': join(folder, file.slice(dirname(file).length + 1)),
    'by a second name of the file': hard,
  };
}

async function kill(sid: string): Promise<void> {
  await ask(stage.url, `/api/sessions/${sid}/commands`, {
    bearer: stage.token,
    json: { name: 'kill_session', args: {} },
  });
  await until(`${sid} has ended`, async () => {
    const { json } = await ask(stage.url, `/api/sessions/${sid}`, { bearer: stage.token });
    return (json as { session: { state: string } }).session.state === 'ended';
  });
}

describe('a pi session file that a session continues', () => {
  it('is not continued by a second one, under whatever name', async () => {
    for (const [how, path] of Object.entries(names())) {
      const answer = await resume(path);
      expect([answer.status, answer.code], `${how}: ${answer.text}`).toEqual([409, 'file_in_use']);
    }
  });

  it('is continued once that session is over, by one of those who ask at once', async () => {
    await kill(first);
    const answers = await Promise.all(Object.values(names()).map(resume));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
    const begun = answers.find(({ status }) => status === 201)!;
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([undefined, 'file_in_use']));
    await kill((begun.json as { sessionId: string }).sessionId);
  });
});

describe('a file outside of the runner’s folders', () => {
  it('is not there, under whatever name, whether it exists or not', async () => {
    const there = join(outside, 'session.jsonl');
    writeFileSync(there, HEADER);
    mkdirSync(join(stage.project, 'sub'), { recursive: true });
    symlinkSync(there, join(stage.project, 'sub', 'out.jsonl'));
    symlinkSync(outside, join(stage.project, 'sub', 'out'));
    symlinkSync(join(outside, 'nothing.jsonl'), join(stage.project, 'sub', 'nothing.jsonl'));
    const paths = [
      there,
      join(outside, 'nothing.jsonl'),
      join(stage.project, 'sub', 'out.jsonl'),
      join(stage.project, 'sub', 'out', 'session.jsonl'),
      join(stage.project, 'sub', 'nothing.jsonl'),
      `${stage.project}/../../../${outside.slice(1)}/session.jsonl`,
      '/dev/zero',
      '/proc/self/environ',
    ];
    for (const path of paths) {
      const answer = await resume(path);
      expect([answer.status, answer.code], `${path}: ${answer.text}`).toEqual([404, 'file_not_found']);
    }
  });
});
