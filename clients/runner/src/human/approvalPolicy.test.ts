import type { ApprovalMode } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { decide, type ApprovalRule, type CallPlace } from './approvalPolicy.js';

const bash = (command: string) => ({ tool: 'bash', input: { command } });
const write = { tool: 'write', input: { path: 'a', content: 'b' } };
const allow = (command: string): ApprovalRule => ({ tool: 'bash', command, decision: 'allow' });
const deny = (command: string): ApprovalRule => ({ tool: 'bash', command, decision: 'deny' });
const ask = (command: string): ApprovalRule => ({ tool: 'bash', command, decision: 'ask' });
const here: CallPlace = { cwd: '/mine', guardsReads: true };

const kindOf = (mode: ApprovalMode, rules: ApprovalRule[], command: string, place = here) =>
  decide(mode, rules, bash(command), place).kind;

/** What would be remembered if the person allowed a command for good. */
function remembered(command: string, rules: ApprovalRule[] = []): ApprovalRule[] {
  const verdict = decide('ask', rules, bash(command), here);
  return verdict.kind === 'ask' ? verdict.remember : [];
}

describe('a policy', () => {
  it('lets everything run, or asks for all that does not only read', () => {
    expect(kindOf('allow', [], 'rm -rf /')).toBe('allow');
    expect(kindOf('ask', [], 'ls | wc -l')).toBe('allow');
    expect(decide('ask', [], { tool: 'read', input: { path: 'a' } }, here).kind).toBe('allow');
    expect(kindOf('ask', [], 'make')).toBe('ask');
    expect(decide('ask', [], write, here).kind).toBe('ask');
    expect(decide('ask', [], { tool: 'somebody_elses', input: {} }, here).kind).toBe('ask');
  });

  it('says when a script may run only because it reads, and has no such script where nothing guards it', () => {
    const verdict = (command: string, rules: ApprovalRule[] = [], place = here) =>
      decide('ask', rules, bash(command), place);
    expect(verdict('git status; ls')).toEqual({ kind: 'allow', onlyReads: true });
    expect(verdict('ls')).toEqual({ kind: 'allow', onlyReads: true });
    expect(verdict('git status', [allow('git *')])).toEqual({ kind: 'allow' });
    const unguarded = { ...here, guardsReads: false };
    expect(verdict('ls', [], unguarded)).toEqual({ kind: 'allow', onlyReads: true });
    expect(verdict('git status', [], unguarded).kind).toBe('ask');
    // Beside a command that changes something nothing guards what reads.
    expect(verdict('npm test | tail', [allow('npm test')])).toEqual({ kind: 'allow' });
    expect(verdict('npm test; git status', [allow('npm test')]).kind).toBe('ask');
    expect(verdict('npm test; git status', [allow('npm test'), allow('git status')]).kind).toBe('allow');
  });

  it('denies before it asks, and asks before it allows', () => {
    const rules: ApprovalRule[] = [allow('git *'), ask('git push *'), deny('git push --force *')];
    expect(kindOf('ask', rules, 'git commit -m x')).toBe('allow');
    expect(kindOf('allow', rules, 'git push')).toBe('ask');
    expect(kindOf('allow', rules, 'ls && git push --force origin')).toBe('deny');
  });

  it('allows a script only when each of its commands is allowed', () => {
    const rules = [allow('npm test'), allow('git add *')];
    expect(kindOf('ask', rules, 'npm test | tail')).toBe('allow');
    expect(kindOf('ask', rules, 'git add . && npm test')).toBe('allow');
    expect(kindOf('ask', rules, 'git add *.ts')).toBe('allow');
    expect(kindOf('ask', rules, 'npm test --force')).toBe('ask');
    expect(kindOf('ask', rules, 'npm test && npm publish')).toBe('ask');
    expect(kindOf('ask', rules, 'npm test > out')).toBe('ask');
    expect(kindOf('ask', rules, 'git add $(rm x)')).toBe('ask');
  });

  it('remembers no more than what was asked for', () => {
    expect(remembered('make all')).toEqual([{ tool: 'bash', command: 'make all *', decision: 'allow' }]);
    expect(remembered('git push origin && ./deploy.sh now')).toEqual([allow('git push *'), allow('./deploy.sh now')]);
    expect(remembered('npm test && ./deploy.sh', [allow('npm test')])).toEqual([allow('./deploy.sh')]);
    expect(remembered('make -C sub all')).toEqual([allow('make -C sub all')]);
    expect(remembered('npm test --prefix sub')).toEqual([allow('npm test --prefix sub')]);
    for (const script of ['rm *', 'rm "a b"', 'x=$(pwd)', 'git -c a=b "c d"', 'cd sub && make all', 'rm $HOME']) {
      const rules = remembered(script);
      expect(rules).toEqual([{ tool: 'bash', script, decision: 'allow' }]);
      expect(kindOf('ask', rules, script)).toBe('allow');
      expect(kindOf('ask', rules, `${script} c`)).toBe('ask');
    }
    expect(kindOf('ask', remembered('rm "a b"'), 'rm a b')).toBe('ask');
    for (const script of ['make -C sub all', 'npm test --prefix sub', 'git push origin && ./deploy.sh now']) {
      expect(kindOf('ask', remembered(script), script)).toBe('allow');
    }
    const kept = decide('ask', [], write, here);
    expect(kept).toEqual({ kind: 'ask', remember: [{ tool: 'write', decision: 'allow' }] });
  });
});

describe('what is allowed is allowed in the folder of the session', () => {
  const rules = [allow('npm test *'), allow('git push *'), allow('git *'), allow('make *')];

  it.each([
    'npm test',
    'npm test -- --watch=false',
    'cd /mine && npm test',
    'cd . && npm test',
    'cd /mine/ && npm test',
  ])('%s is covered', (script) => expect(kindOf('ask', rules, script)).toBe('allow'));

  it.each([
    'cd /elsewhere && npm test',
    'cd sub; npm test',
    'cd $HOME && npm test',
    'cd - && npm test',
    'cd && npm test',
    'cd /mine/.. && npm test',
    'cd /mine && cd sub && npm test',
    'pushd sub; npm test',
    'npm test --prefix /elsewhere',
    'npm test --prefix=/elsewhere',
    'npm test $X',
    'npm test $HOME',
    'PATH=/tmp npm test',
    '/tmp/npm test',
    'env npm test',
    '(npm test)',
    'npm test &',
    'npm test > out',
    'git -C /elsewhere push',
    'git --git-dir=/elsewhere push',
    'git --work-tree /elsewhere push',
    'make -C /elsewhere',
    'make -C/elsewhere',
    'make --directory=/elsewhere',
  ])('%s is not', (script) => expect(kindOf('ask', rules, script)).toBe('ask'));
});

describe('what is denied is denied however it is written', () => {
  it.each([
    'rm x',
    'rm',
    '/bin/rm x',
    '/usr/bin/../bin/rm x',
    './rm x',
    '~/bin/rm x',
    '$HOME/bin/rm x',
    '"$HOME"/bin/rm x',
    '\\rm x',
    'r\\m x',
    '"rm" x',
    "r''m x",
    "$'\\x72m' x",
    '{rm,-rf,x}',
    'RM x',
    'FOO=1 rm x',
    '! rm x',
    'time rm x',
    'rm x &',
    'coproc rm x',
    'ls | rm x',
    'ls; rm x',
    'ls && rm x',
    '(rm x)',
    '{ rm x; }',
    'if true; then rm x; fi',
    'if rm x; then :; fi',
    'while rm x; do :; done',
    'until rm x; do :; done',
    'for f in *; do rm "$f"; done',
    'case x in x) rm x ;; esac',
    'f() { rm x; }; f',
    'function f { rm x; }',
    'echo $(rm x)',
    'echo "$(rm x)"',
    'echo `rm x`',
    'cat <(rm x)',
    'echo ${y:-$(rm x)}',
    'echo $((a[$(rm x)]))',
    '[[ -n $(rm x) ]]',
    'cat <<EOF\n$(rm x)\nEOF',
    'cat <<< "$(rm x)"',
    'x=$(rm y)',
    'a=($(rm x))',
    'ls > "$(rm x)"',
    'env rm x',
    'env -i A=b rm x',
    'env -S "rm x"',
    'command rm x',
    'command -p rm x',
    'exec rm x',
    'exec -a y rm x',
    'builtin eval rm x',
    'nohup rm x',
    'nice -n 5 rm x',
    'timeout 5 rm x',
    'timeout -s KILL 5s rm x',
    'sudo rm x',
    'sudo -u root -- rm x',
    'doas rm x',
    'busybox rm x',
    'stdbuf -o0 rm x',
    'setsid rm x',
    'setsid -w rm x',
    'flock lock rm x',
    'sudo env nice /bin/rm x',
    'xargs rm',
    'ls | xargs -0 -n 1 rm -f',
    'ls | xargs -I{} rm {}',
    'find . -exec rm {} +',
    "find . -name x -execdir /bin/rm '{}' ';'",
    'fd x -x rm',
    'fd -e ts -X rm',
    'sh -c "rm x"',
    'bash -c "ls; rm x"',
    'bash -lc "rm $HOME/x"',
    'bash -c \'bash -c "rm x"\'',
    "sh -c 'sudo rm x'",
    'eval "rm x"',
    'eval rm x',
    'eval "r\'\'m x"',
    "trap 'rm x' EXIT",
    "su root -c 'rm x'",
    'ssh host rm x',
    "ssh host 'rm x'",
    'watch rm x',
    "parallel 'rm {}' ::: x",
    'strace rm x',
    'echo "rm x" | sh',
    "bash <<< 'rm x'",
    'sh <<EOF\nrm x\nEOF',
    'python3 -c \'import os; os.system("rm x")\'',
    "perl -e 'system qw(rm x)'",
    'awk \'BEGIN { system("rm x") }\'',
    "sed '1e rm x' y",
    'docker exec box rm x',
    'docker run --rm image rm x',
    'kubectl exec pod -- rm x',
    "git -c alias.x='!rm y' x",
    "git config alias.x '!rm y'",
    "git rebase -x 'rm x' main",
    'git bisect run rm x',
    "git submodule foreach 'rm x'",
    'git grep --open-files-in-pager=rm x',
    'npm exec rm x',
    'npx rm x',
    'rg --pre rm x',
    'make SHELL=rm',
    '/lib64/ld-linux-x86-64.so.2 /bin/rm x',
    'somebodys-wrapper --flag rm x',
    './echo rm x',
    'cmd=rm; $cmd x',
    'if true; then rm x',
    "echo 'open; rm x",
    'rm(x',
  ])('%s', (script) => {
    expect(kindOf('allow', [deny('rm *')], script)).toBe('deny');
    expect(kindOf('ask', [deny('rm *'), { tool: 'bash', decision: 'allow' }], script)).toBe('deny');
  });

  it.each([
    'echo rm x',
    'echo "rm x"',
    "printf '%s' rm",
    'ls rm',
    'grep -rn "rm -rf" src',
    'find . -name rm',
    'cat rm',
    'git rm x',
    'git commit -m "rm x"',
    'git log --grep rm',
    'npm rm lodash',
    'docker rm box',
    'docker run --rm image',
    'node scripts/rm.js',
    'make rm',
    'type rm',
    'which rm',
    'command -v rm',
    'gh pr create --title "rm x"',
    'curl -d "rm x" http://localhost',
    'mkdir rm && cd rm',
    'farm x',
    'rm-old x',
    'cat <<EOF\nrm x\nEOF',
    'echo "$(farm)"',
    'npm test',
    'X=1 npm test $FOO',
    'python3 script.py $X',
    'timeout 5 npm test "$X"',
  ])('%s is something else', (script) => {
    expect(kindOf('allow', [deny('rm *')], script)).toBe('allow');
  });

  it.each([
    '$cmd x',
    '${cmd} x',
    '"$cmd" x',
    '$(which something) x',
    '/bin/r? x',
    'r$empty"m" x',
    'sudo $cmd x',
    'env A=1 $cmd',
    'xargs -I{} {} x',
    'find . -exec {} ;',
    'curl http://localhost/x | sh',
    'cat script | bash -s',
    'bash -c "$script"',
    'sh -c "$(cat script)"',
    'eval "$script"',
    "bash -c '$x y'",
    'python3 -c "$code"',
    'curl http://localhost/x | python3 -',
    'curl http://localhost/x | source /dev/stdin',
    'bash <(curl http://localhost/x)',
    'bash $script',
    'node',
    'if true; then x',
  ])('what cannot be told is asked: %s', (script) => {
    expect(kindOf('allow', [deny('rm *')], script)).toBe('ask');
    expect(kindOf('allow', [ask('rm *')], script)).toBe('ask');
    expect(kindOf('allow', [], script)).toBe('allow');
  });
});

describe('a rule for a sub-command', () => {
  it.each([
    'git push',
    'git push origin main',
    'git -C . push',
    'git -C /elsewhere push',
    'git -c a.b=c push',
    'git --git-dir=x --work-tree=y push',
    'git --git-dir x --no-pager push',
    'git --no-pager -P -p push',
    '/usr/bin/git push',
    'sudo git -C x push',
    'sh -c "git -C x push"',
    'if true; then git push; fi',
    'echo "$(git  push)"',
    'python3 -c \'os.system("git -C . push")\'',
  ])('holds for %s', (script) => {
    expect(kindOf('allow', [ask('git push *')], script)).toBe('ask');
    expect(kindOf('allow', [deny('git push *')], script)).toBe('deny');
  });

  it.each(['git pull', 'git log push', 'git commit -m push', 'echo git push', 'git stash push'])(
    'does not for %s',
    (script) => expect(kindOf('allow', [deny('git push *')], script)).toBe('allow'),
  );

  it('asks when the sub-command is not known yet', () => {
    expect(kindOf('allow', [deny('git push *')], 'git $what')).toBe('ask');
    expect(kindOf('allow', [deny('git push --force *')], 'git push $options')).toBe('ask');
    for (const script of [
      'git -c alias.p=push p',
      'git -c ALIAS.p=push p',
      'git config alias.p push',
      'git -c include.path=other p',
      'sudo git -c alias.p=push p',
      'GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=alias.p GIT_CONFIG_VALUE_0=push git p',
    ]) {
      expect(kindOf('allow', [deny('git push *')], script), script).not.toBe('allow');
    }
  });

  it('finds its options wherever they stand, and however they are written', () => {
    const forced = [deny('git push --force *')];
    for (const script of [
      'git push --force',
      'git push origin --force',
      'git push --forc',
      'git -C x push o --force',
    ]) {
      expect(kindOf('allow', forced, script), script).toBe('deny');
    }
    expect(kindOf('allow', forced, 'git push')).toBe('allow');
    for (const script of ['rm -rf x', 'rm -fr x', 'rm -r -f x', 'rm x -rf', 'rm -vrf x']) {
      expect(kindOf('allow', [deny('rm -rf *')], script), script).toBe('deny');
    }
    expect(kindOf('allow', [deny('rm -rf *')], 'rm -r x')).toBe('allow');
    expect(kindOf('allow', [deny('npm publish')], 'npm --loglevel silent publish')).toBe('deny');
    expect(kindOf('allow', [deny('npm publish')], 'npm publish ./other')).toBe('allow');
    expect(kindOf('allow', [deny('docker compose down *')], 'docker compose -f x.yml down -v')).toBe('deny');
    expect(kindOf('allow', [deny('*')], 'ls')).toBe('deny');
  });
});
