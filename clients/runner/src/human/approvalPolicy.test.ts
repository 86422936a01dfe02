import { describe, expect, it } from 'vitest';
import { decide, type ApprovalRule } from './approvalPolicy.js';

const bash = (command: string) => ({ tool: 'bash', input: { command } });
const write = { tool: 'write', input: { path: 'a', content: 'b' } };
const allow = (command: string): ApprovalRule => ({ tool: 'bash', command, decision: 'allow' });
const deny = (command: string): ApprovalRule => ({ tool: 'bash', command, decision: 'deny' });

/** What would be remembered if the person allowed a command for good. */
function remembered(command: string, rules: ApprovalRule[] = []): ApprovalRule[] {
  const verdict = decide('ask', rules, bash(command));
  return verdict.kind === 'ask' ? verdict.remember : [];
}

describe('a policy', () => {
  it('lets everything run, or asks for all that does not only read', () => {
    expect(decide('allow', [], bash('rm -rf /')).kind).toBe('allow');
    expect(decide('ask', [], bash('ls | wc -l')).kind).toBe('allow');
    expect(decide('ask', [], { tool: 'read', input: { path: 'a' } }).kind).toBe('allow');
    expect(decide('ask', [], bash('make')).kind).toBe('ask');
    expect(decide('ask', [], write).kind).toBe('ask');
    expect(decide('ask', [], { tool: 'somebody_elses', input: {} }).kind).toBe('ask');
  });

  it('denies before it asks, and asks before it allows', () => {
    const rules: ApprovalRule[] = [
      allow('git *'),
      { ...allow('git push *'), decision: 'ask' },
      deny('git push --force *'),
    ];
    expect(decide('ask', rules, bash('git commit -m x')).kind).toBe('allow');
    expect(decide('allow', rules, bash('git push')).kind).toBe('ask');
    expect(decide('allow', rules, bash('ls && git push --force origin')).kind).toBe('deny');
  });

  it('denies a command hidden in a script that cannot be told apart', () => {
    expect(decide('allow', [deny('git push *')], bash('x=$(git  push origin)')).kind).toBe('deny');
    expect(decide('allow', [deny('rm *')], bash('(rm -r x) > log')).kind).toBe('deny');
    expect(decide('allow', [deny('rm *')], bash('echo "$(farm)"')).kind).toBe('allow');
  });

  it('allows a script only when each of its commands is allowed', () => {
    const rules = [allow('npm test'), allow('git add *')];
    expect(decide('ask', rules, bash('npm test | tail')).kind).toBe('allow');
    expect(decide('ask', rules, bash('git add . && npm test')).kind).toBe('allow');
    expect(decide('ask', rules, bash('npm test --force')).kind).toBe('ask');
    expect(decide('ask', rules, bash('npm test && npm publish')).kind).toBe('ask');
    expect(decide('ask', rules, bash('npm test > out')).kind).toBe('ask');
    expect(decide('ask', rules, bash('git add $(rm x)')).kind).toBe('ask');
  });

  it('remembers no more than what was asked for', () => {
    expect(remembered('make all')).toEqual([{ tool: 'bash', command: 'make all *', decision: 'allow' }]);
    expect(remembered('git push origin && ./deploy.sh now')).toEqual([allow('git push *'), allow('./deploy.sh now')]);
    expect(remembered('npm test && ./deploy.sh', [allow('npm test')])).toEqual([allow('./deploy.sh')]);
    for (const script of ['rm *', 'rm "a b"', 'x=$(pwd)', 'git -c a=b "c d"']) {
      const rules = remembered(script);
      expect(rules).toEqual([{ tool: 'bash', script, decision: 'allow' }]);
      expect(decide('ask', rules, bash(script)).kind).toBe('allow');
      expect(decide('ask', rules, bash(`${script} c`)).kind).toBe('ask');
    }
    expect(decide('ask', remembered('rm "a b"'), bash('rm a b')).kind).toBe('ask');
    const kept = decide('ask', [], write);
    expect(kept).toEqual({ kind: 'ask', remember: [{ tool: 'write', decision: 'allow' }] });
  });
});
