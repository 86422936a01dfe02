import { beforeEach, describe, expect, it } from 'vitest';
import { GraceBook } from './graceBook.js';

describe('the grace of a session without a host', () => {
  let book: GraceBook;
  beforeEach(() => {
    book = new GraceBook(100);
  });

  it('begins when its lease goes', () => {
    book.leaseHeld('a');
    book.sessionOpen('a', 0);
    expect(book.due(1000)).toEqual([]);
    book.leaseGone('a', 1000);
    expect(book.due(1099)).toEqual([]);
    expect(book.due(1100)).toEqual(['a']);
  });

  it('begins when the session is found without a lease', () => {
    book.sessionOpen('a', 50);
    book.sessionOpen('a', 90);
    expect(book.due(149)).toEqual([]);
    expect(book.due(150)).toEqual(['a']);
  });

  it('ends when the host is back, and is whole again the next time', () => {
    book.sessionOpen('a', 0);
    book.leaseHeld('a');
    expect(book.due(1000)).toEqual([]);
    book.leaseGone('a', 1000);
    expect(book.due(1050)).toEqual([]);
  });

  it('does not apply to what is over, whichever is told first', () => {
    book.leaseGone('a', 0);
    book.sessionOpen('b', 0);
    book.sessionOver('b');
    expect(book.due(1000)).toEqual([]);
    expect(book.waiting).toBe(0);
  });

  it('can be given again', () => {
    book.sessionOpen('a', 0);
    book.postpone('a', 100);
    expect(book.due(150)).toEqual([]);
    expect(book.due(200)).toEqual(['a']);
  });
});
