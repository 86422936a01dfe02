import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { silentLogger } from '@pizzapi/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelList } from '../ipc/messages.js';
import { ModelCatalog } from './models.js';

let folder: string;
let answer: () => Promise<ModelList>;
let asked: number;
let pi: string;
let changes: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-models-'));
  asked = 0;
  changes = [];
  pi = 'one';
  answer = async () => list('a/one');
});
afterEach(() => rm(folder, { recursive: true }));

const list = (model: string): ModelList => ({
  models: [{ model, name: model, available: true, reasoning: false, images: false, contextWindow: 1 }],
  defaultModel: model,
});
const fails = () => Promise.reject(new CodedError('runner_failed', 'It does not start'));

function catalog(): ModelCatalog {
  const ask = () => {
    asked += 1;
    return answer();
  };
  const file = join(folder, 'kept.json');
  const models = new ModelCatalog({ agentDir: folder, ask, pi: () => pi, file, log: silentLogger });
  models.onChange = ({ defaultModel }) => changes.push(defaultModel);
  return models;
}

describe('the models of a runner', () => {
  it('pi is asked again when its files or pi itself changed, and at no other time', async () => {
    const models = catalog();
    await models.load();
    await models.refresh();
    expect(asked).toBe(1);
    await writeFile(join(folder, 'auth.json'), '{}');
    answer = async () => list('a/two');
    expect(await models.problem('a/two')).toBeUndefined();
    await models.refresh();
    expect(await models.problem('a/one')).toMatchObject({ code: 'model_unknown' });
    expect(asked).toBe(2);
    pi = 'two';
    await models.refresh();
    expect(asked).toBe(3);
    // A change is reported once, also when a new session made pi be asked.
    expect(changes).toEqual(['a/one', 'a/two']);
  });

  it('the next start has the models of the last one without waiting for pi, and asks afterwards', async () => {
    await catalog().load();
    answer = async () => list('a/two');
    const next = catalog();
    await next.load();
    expect(next.current.defaultModel).toBe('a/one');
    expect(asked).toBe(1);
    await next.refresh();
    expect(next.current.defaultModel).toBe('a/two');
  });

  it('what pi loads is reported apart from the models, and is known at the next start', async () => {
    const skills = [{ name: 'pdf', description: 'Reads PDF files', filePath: '/pdf/SKILL.md' }];
    answer = async () => ({ ...list('a/one'), resources: { skills, agents: [], plugins: [] } });
    await catalog().load();
    const next = catalog();
    const reported: unknown[] = [];
    next.onResources = (resources) => reported.push(resources);
    await next.load();
    expect(next.current.resources).toEqual({ skills, agents: [], plugins: [] });
    await next.refresh();
    expect(reported).toEqual([]);
    // A skill is added: the folder of skills is another one.
    await mkdir(join(folder, 'skills'));
    answer = async () => ({ ...list('a/one'), resources: { skills: [], agents: [], plugins: [] } });
    await next.refresh();
    expect(reported).toEqual([{ skills: [], agents: [], plugins: [] }]);
    expect(changes).toEqual(['a/one']);
  });

  it('without an answer of pi the models of its last answer stay known', async () => {
    await catalog().load();
    answer = fails;
    pi = 'two';
    const next = catalog();
    await next.load();
    expect(next.current).toEqual(list('a/one'));
    expect(await next.problem('a/one')).toBeUndefined();
  });

  it('without any answer of pi the start fails with what to do', async () => {
    answer = fails;
    await expect(catalog().load()).rejects.toMatchObject({ code: 'runner_failed' });
    await writeFile(join(folder, 'kept.json'), '{"stamp":1,"list":{}}');
    const models = catalog();
    await expect(models.load()).rejects.toMatchObject({ code: 'runner_failed' });
    expect(await models.problem('a/one')).toMatchObject({ code: 'runner_failed' });
  });
});
