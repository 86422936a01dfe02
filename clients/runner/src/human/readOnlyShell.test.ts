import { describe, expect, it } from 'vitest';
import { checkReadOnly } from './readOnlyShell.js';

const isReadOnly = (script: string) => checkReadOnly(script).readOnly;

describe('a script that only reads', () => {
  it.each([
    'ls',
    'ls -la src | grep test | head -n 5',
    'cd src && cat a.ts; wc -l *.ts || true',
    "grep -rn 'a > b && $(x)' src",
    'grep "foo$" "a b.txt" 2>/dev/null',
    'cat missing 2>&1 | tail -3',
    'wc -l < package.json',
    'ls # with a comment; rm x',
    'find . -name "*.ts" -not -path "./node_modules/*"',
    'find "$HOME/notes" -type f | xargs -0 grep -l pizza',
    'git -C sub --no-pager log --oneline -5 | cat',
    'git diff HEAD~1 -- src\ngit status',
    'git branch -a && git config --get user.name',
    "sed -n '10,20p' file",
    "awk -F: '{print $1}' /etc/passwd",
    'sort -rn -k2 list | uniq -c',
    'node --version',
    '[ -f package.json ] && echo yes',
    'date +%s',
    'rg -n "x" src \\\n  --glob "*.ts"',
    '',
  ])('%s', (script) => {
    expect(checkReadOnly(script)).toEqual({ readOnly: true });
  });
});

describe('a script that writes, or may', () => {
  it.each([
    'rm -rf build',
    'ls && rm x',
    'ls | tee out',
    'echo x > file',
    'echo x >> file',
    'echo x >| file',
    'ls &> file',
    'ls > /dev/null/../../tmp/x',
    'echo $(rm x)',
    'echo "`rm x`"',
    'echo "$(rm x)"',
    'cat <(rm x)',
    'cat <<EOF\nx\nEOF',
    '(rm x)',
    'ls() { rm x; }; ls',
    'rm x &',
    'PATH=/tmp ls',
    '/tmp/ls',
    '$SHELL -c ls',
    "$'rm' x",
    'l\\s; r\\m x',
    'find . -delete',
    'find . -name x -exec rm {} +',
    'find . -{delete,x}',
    'find . $PWD',
    'find *',
    'echo -delete; find . $_',
    'sort -uo file x',
    'sort --out=file x',
    'sort --compress-prog=sh x',
    'uniq a b',
    'sed -i s/a/b/ x',
    "sed -n 'w out' x",
    'awk \'{print > "x"}\' y',
    'awk \'BEGIN { system("rm x") }\'',
    'awk -f prog x',
    'ls | xargs rm',
    'echo -delete | xargs find .',
    'xargs -I cat cat x',
    'git commit -m x',
    'git -c core.pager=evil log',
    'git diff --output=x',
    'git diff --outpu=x',
    'git grep -Osh x',
    'git branch new',
    'git stash',
    'printf -v PATH /tmp',
    "test -v 'a[$(rm x)]'",
    'tree -o out',
    'date -s tomorrow',
    'env rm x',
    'command rm x',
    'eval ls',
    'bash -c ls',
    'curl -O http://x',
    'npm test',
    'for f in *; do rm $f; done',
    "echo 'open",
    'ls;;',
    'constructor',
    'git constructor',
  ])('%s', (script) => {
    expect(isReadOnly(script)).toBe(false);
  });

  it('says what it is about', () => {
    expect(checkReadOnly('ls; rm -rf x')).toEqual({ readOnly: false, why: '"rm -rf x" is not known to only read' });
    expect(checkReadOnly('ls > x')).toEqual({ readOnly: false, why: 'it holds output redirected into a file' });
  });
});
