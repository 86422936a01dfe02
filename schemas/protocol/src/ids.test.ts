import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isId, newId } from './ids.js';
import { parseSubject, subjects } from './subjects.js';
import { eventMessageId, parseEventMessageId } from './headers.js';

describe('ids', () => {
  it('new ids are valid and different from one another', () => {
    const ids = Array.from({ length: 100 }, () => newId('s'));
    expect(ids.every(isId)).toBe(true);
    expect(new Set(ids).size).toBe(100);
  });

  it.each(['', 'a.b', 'a b', '*', '>', 'ä', 'a'.repeat(65), 5, null, undefined, {}])(
    '%j is refused as an id',
    (value) => {
      expect(isId(value)).toBe(false);
    },
  );
});

describe('subjects', () => {
  it('a parsed subject has the parts from which it was built', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), (id) => {
        expect(parseSubject(subjects.sessionEvents(id))).toEqual({ kind: 'session_events', sid: id });
        expect(parseSubject(subjects.sessionDeltas(id))).toEqual({ kind: 'session_deltas', sid: id });
        expect(parseSubject(subjects.sessionPartial(id))).toEqual({ kind: 'session_partial', sid: id });
        expect(parseSubject(subjects.liveSessionEvents(id))).toEqual({ kind: 'live_session_events', sid: id });
        expect(parseSubject(subjects.runnerEvents(id))).toEqual({ kind: 'runner_events', rid: id });
        expect(parseSubject(subjects.runnerCommands(id))).toEqual({ kind: 'runner_commands', rid: id });
        expect(parseSubject(subjects.runnerRpc(id, 'status'))).toEqual({ kind: 'runner_rpc', rid: id, verb: 'status' });
        expect(parseSubject(subjects.audit(id))).toEqual({ kind: 'audit', name: id });
      }),
    );
  });

  it('a subject is never built from an invalid id', () => {
    for (const bad of ['a.b', '*', '>', 'a b', '', 'x'.repeat(65)]) {
      expect(() => subjects.sessionEvents(bad)).toThrow(expect.objectContaining({ code: 'invalid_id' }));
      expect(() => subjects.runnerCommands(bad)).toThrow(expect.objectContaining({ code: 'invalid_id' }));
    }
  });

  it('subjects of other applications are not parsed', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseSubject(text);
        expect(parsed === undefined || /^(session|runner|live|audit)\./.test(text)).toBe(true);
      }),
    );
  });
});

describe('message ids', () => {
  it('a message id is parsed into session, epoch and count', () => {
    expect(parseEventMessageId(eventMessageId('s_1', 7, 42))).toEqual({ sid: 's_1', epoch: 7, n: 42 });
    expect(parseEventMessageId('s.1.7.42')).toBeUndefined();
    expect(parseEventMessageId('')).toBeUndefined();
  });
});
