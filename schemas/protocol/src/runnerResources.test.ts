import { describe, expect, it } from 'vitest';
import { applyRunnerInfo, initialRunnerInfo } from './fold/runnerInfo.js';
import { boundedResources, MAX_RUNNER_RESOURCES, type RunnerSkill } from './runnerResources.js';

const skill = (more: Partial<RunnerSkill> = {}): RunnerSkill => ({
  ...{ name: 'pdf', description: 'Reads PDF files', filePath: '/home/ada/.pi/agent/skills/pdf/SKILL.md' },
  ...more,
});

describe('what a host announces of pi', () => {
  it('the texts of a skill are one line each, without control characters, and cut', () => {
    const { skills } = boundedResources({
      skills: [
        skill({ name: '\u001b[31mp\u202edf\u0007\n', description: `a\nb\u0000 ${'x'.repeat(1_000_000)}` }),
        skill({ name: '\u200b', description: 'It has no name to see' }),
        skill({ name: 'long path', filePath: `/${'x'.repeat(2_000)}` }),
      ],
    });
    expect(skills).toEqual([{ ...skill(), description: `a b ${'x'.repeat(296)}` }]);
  });

  it('at most so many entries of each kind are kept', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => skill({ name: `skill-${i}` }));
    const plugins = many.map(({ name }) => ({ name, description: '', rootPath: `/${name}` }));
    const kept = boundedResources({ skills: many, agents: many, plugins });
    expect([kept.skills, kept.agents, kept.plugins].map((list) => list?.length)).toEqual(
      [1, 2, 3].map(() => MAX_RUNNER_RESOURCES),
    );
    expect(JSON.stringify(kept).length).toBeLessThan(200_000);
  });

  it('what is not announced stays missing', () => {
    expect(boundedResources({})).toEqual({});
  });
});

describe('the row of a runner', () => {
  const started = {
    ...{
      type: 'runner_started',
      at: 1,
      name: 'box',
      kind: 'daemon',
      version: '0.3.0',
      piVersion: '1',
      platform: 'linux',
    },
    ...{ roots: [], models: [], defaultModel: '', maxSessions: 1, epoch: 1 },
  };

  it('has what pi loads, cleaned, from the start of the runner and from each change', () => {
    const resources = { skills: [skill({ name: 'a\u0007' })], agents: [], plugins: [] };
    let info = applyRunnerInfo(initialRunnerInfo('r1'), { ...started, ...resources });
    expect(info).toMatchObject({ ...resources, skills: [skill({ name: 'a' })] });
    info = applyRunnerInfo(info, { type: 'resources_changed', at: 2, skills: [skill({ name: 'b' })], agents: [] });
    expect(info).toMatchObject({ skills: [skill({ name: 'b' })], agents: [] });
    expect(info.plugins).toBeUndefined();
    // The host went back to an earlier version, which announces nothing.
    info = applyRunnerInfo(info, started);
    expect([info.skills, info.agents, info.plugins]).toEqual([undefined, undefined, undefined]);
  });
});
