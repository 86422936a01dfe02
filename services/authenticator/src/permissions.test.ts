import { describe, expect, it } from 'vitest';
import { hostPermissions, MAX_KEPT_SESSIONS } from './permissions.js';
import { permissionsTable } from './permissionsTable.js';

describe('a host may, and no more', () => {
  it('as a daemon', () => {
    expect(hostPermissions({ kind: 'runner', rid: 'r1' })).toEqual({
      publish: ['runner.r1.events', 'runner.r1.terminals.*', 'desk.runner.r1', '$KV.leases.runner.r1'],
      subscribe: ['runner.r1.rpc.*', 'live.runner.r1.cmd', '_INBOX_runner_r1.>'],
      answers: true,
    });
  });

  it('as the worker of a session', () => {
    expect(hostPermissions({ kind: 'session', sid: 's1' })).toEqual({
      publish: ['session.s1.events', 'session.s1.deltas', 'desk.session.s1', '$KV.leases.session.s1'],
      subscribe: ['session.s1.partial', '_INBOX_session_s1.>'],
      answers: true,
    });
  });

  it('as a keeper: what the workers of its sessions may, of so many at most', () => {
    const { publish } = hostPermissions({ kind: 'session', sid: 's1' });
    expect(hostPermissions({ kind: 'keeper', rid: 'r1' }, { kept: ['s1'] })).toEqual({
      publish: ['desk.runner.r1', ...publish],
      subscribe: ['session.s1.partial', '_INBOX_keeper_r1.>'],
      answers: true,
    });
    const many = Array.from({ length: MAX_KEPT_SESSIONS + 1 }, (_, i) => `s${i}`);
    expect(hostPermissions({ kind: 'keeper', rid: 'r1' }, { kept: many }).subscribe).toHaveLength(
      MAX_KEPT_SESSIONS + 1,
    );
    // The answer to the server has to fit in one message.
    expect(JSON.stringify(hostPermissions({ kind: 'keeper', rid: 'r1' }, { kept: many })).length).toBeLessThan(500_000);
  });

  it('never with an id that could reach another subject', () => {
    for (const id of ['*', '>', 'a.b', 'a b', '', 'x'.repeat(65)]) {
      expect(() => hostPermissions({ kind: 'session', sid: id }), id).toThrow(/not an id/);
      expect(() => hostPermissions({ kind: 'runner', rid: id }), id).toThrow(/not an id/);
      expect(() => hostPermissions({ kind: 'keeper', rid: 'r' }, { kept: [id] }), id).toThrow(/not an id/);
    }
  });
});

it('the table for people says the same', () => {
  const table = permissionsTable().split('\n');
  expect(table).toHaveLength(14);
  expect(table[4]).toBe(
    '| worker (`session.<sid>`) | `PIZZAPI_HOSTS` | `session.<sid>.events`, `session.<sid>.deltas`, ' +
      '`desk.session.<sid>`, `$KV.leases.session.<sid>`, answers | `session.<sid>.partial` |',
  );
});
