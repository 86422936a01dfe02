import { describe, expect, it } from 'vitest';
import { pageOf } from './pages.js';
import { parseBranches, parseDiff, parseLog, parseStatus } from './porcelain.js';

const lines = (...parts: string[]) => Buffer.from(parts.map((part) => `${part}\0`).join(''));
const OID = 'a'.repeat(40);

describe('the output of git', () => {
  it('of a status has the branch and every kind of entry, with names of any characters', () => {
    const status = parseStatus(
      Buffer.concat([
        lines(`# branch.oid ${OID}`, '# branch.head main', '# branch.upstream origin/main', '# branch.ab +2 -1'),
        lines(`1 .M N... 100644 100644 100644 ${OID} ${OID} a b\nc.txt`),
        lines(`2 R. N... 100644 100644 100644 ${OID} ${OID} R100 new name`, 'old name'),
        lines(`u UU N... 100644 100644 100644 100644 ${OID} ${OID} ${OID} both`),
        lines(`1 A. S..U 000000 160000 160000 ${OID} ${OID} lib`),
        Buffer.concat([Buffer.from('? '), Buffer.from([0xff, 0x61]), Buffer.from([0])]),
      ]),
    );
    expect(status).toEqual({
      branch: { head: 'main', oid: OID, upstream: 'origin/main', ahead: 2, behind: 1 },
      files: [
        { path: 'a b\nc.txt', workTree: 'modified' },
        { path: 'new name', from: 'old name', index: 'renamed' },
        { path: 'both', workTree: 'conflict' },
        { path: 'lib', index: 'added', submodule: true },
        { path: '\ufffda', nameBytes: '/2E=', workTree: 'untracked' },
      ],
    });
  });

  it('of a branch without a commit, and of no branch, has null', () => {
    expect(parseStatus(lines('# branch.oid (initial)', '# branch.head (detached)')).branch).toEqual({
      head: null,
      oid: null,
    });
  });

  it('of a difference has counts of lines, binary files and both names of a renamed file', () => {
    const zero = '0'.repeat(40);
    const output = lines(
      `:100644 100644 ${OID} ${zero} M`,
      'a',
      `:100644 100644 ${OID} ${OID} R090`,
      'from',
      'to',
      `:000000 100644 ${zero} ${OID} A`,
      'image.png',
      '3\t1\ta',
      '1\t0\t',
      'from',
      'to',
      '-\t-\timage.png',
    );
    expect(parseDiff(output)).toMatchObject([
      { path: 'a', state: 'modified', added: 3, removed: 1 },
      { path: 'to', from: 'from', state: 'renamed', added: 1, removed: 0 },
      { path: 'image.png', state: 'added', binary: true },
    ]);
  });

  it('of a log keeps separators in a subject', () => {
    const fields = [OID, '', 'Ada', 'ada@example.com', '10', 'Bob', 'bob@example.com', '20', 'HEAD -> main, tag: v1'];
    expect(parseLog(lines([...fields, 'one\u001ftwo'].join('\u001f')))).toEqual([
      {
        oid: OID,
        parents: [],
        author: { name: 'Ada', email: 'ada@example.com', at: 10_000 },
        committer: { name: 'Bob', email: 'bob@example.com', at: 20_000 },
        refs: ['HEAD -> main', 'tag: v1'],
        subject: 'one two',
      },
    ]);
  });

  it('comes in pages that fit a reply, however long names and subjects are', () => {
    const fields = [OID, '', 'Ada', '', '10', 'Ada', '', '20', '', 'x'.repeat(2_000_000)];
    expect(parseLog(lines(fields.join('\u001f')))[0]!.subject.length).toBeLessThanOrEqual(500);
    const all = Array.from({ length: 1_000 }, (_, n) => ({ path: `${n}${'x'.repeat(4_000)}` }));
    const seen: object[] = [];
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const { items, next }: ReturnType<typeof pageOf> = pageOf(all, offset, 1_000);
      expect(JSON.stringify(items).length).toBeLessThan(512 * 1024);
      seen.push(...(items as object[]));
      offset = next;
    }
    expect(seen).toEqual(all);
  });

  it('of branches leaves out names that only point to others', () => {
    const branch = (...fields: string[]) => `${fields.join('\u001f')}\0\n`;
    const output = Buffer.from(
      branch('refs/heads/main', OID, 'origin/main', 'ahead 1, behind 2', '5', '/work', '', 'subject') +
        branch('refs/remotes/origin/HEAD', OID, '', '', '5', '', 'refs/remotes/origin/main', 'subject') +
        branch('refs/heads/old', OID, 'origin/old', 'gone', '5', '', '', ''),
    );
    expect(parseBranches(output)).toMatchObject([
      { name: 'main', ahead: 1, behind: 2, workTree: '/work', subject: 'subject' },
      { name: 'old', gone: true },
    ]);
  });
});
