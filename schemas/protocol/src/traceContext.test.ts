import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTraceParent, newTraceContext, parseTraceContext, traceFields } from './traceContext.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;

describe('a trace context', () => {
  it('is read from what the W3C gives as an example', () => {
    expect(parseTraceContext(PARENT, 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7')).toEqual({
      ...{ traceId: TRACE, spanId: SPAN, isSampled: true },
      state: 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7',
    });
    expect(parseTraceContext(`00-${TRACE}-${SPAN}-00`)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: false });
  });

  it.each([
    ['nothing', undefined],
    ['no text', { traceparent: PARENT }],
    ['an empty text', ''],
    ['upper-case digits', PARENT.toUpperCase()],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['the version that must not be', `ff-${TRACE}-${SPAN}-01`],
    ['a line break behind', `${PARENT}\r\n`],
    ['a header behind', `${PARENT}\r\nPizzapi-Epoch: 9`],
    ['something longer', `${PARENT}-${'a'.repeat(100_000)}`],
    ['something shorter', PARENT.slice(0, -1)],
    ['two contexts', `${PARENT}, ${PARENT}`],
    ['other digits', PARENT.replace('4', '٤')],
  ])('%s is not a context', (_what, parent) => {
    expect(parseTraceContext(parent)).toBeUndefined();
  });

  it.each([
    ['too long', `a=${'x'.repeat(512)}`],
    ['a line break', 'a=1\r\nPizzapi-Epoch: 9'],
    ['too many members', Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(',')],
    ['a member without a value', 'congo'],
    ['a key in upper case', 'Congo=1'],
    ['characters outside of ASCII', 'congo=é'],
    ['no text', ['a=1']],
  ])('a tracestate with %s is dropped, and the trace continues', (_what, state) => {
    expect(parseTraceContext(PARENT, state)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true });
  });

  it('is the same after it was written and read, and two new ones differ', () => {
    const one = newTraceContext();
    const { traceparent, tracestate } = traceFields({ ...one, state: 'a=1' });
    expect(parseTraceContext(traceparent, tracestate)).toEqual({ ...one, state: 'a=1' });
    expect(formatTraceParent(one)).toHaveLength(55);
    expect(newTraceContext().traceId).not.toBe(one.traceId);
  });

  it('no text of others is ever written on', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (parent, state) => {
        const read = parseTraceContext(parent, state);
        const written = read === undefined ? {} : traceFields(read);
        for (const value of Object.values(written)) expect(value).toMatch(/^[\x20-\x7e]{1,512}$/);
      }),
    );
  });
});
