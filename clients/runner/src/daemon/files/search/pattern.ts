import { CodedError } from '@pizzapi/protocol';

/** What a search looks for. */
export interface SoughtText {
  query: string;
  regex: boolean;
  /** Undefined: only when the query has a capital letter. */
  matchCase?: boolean | undefined;
  word: boolean;
}

export const isCaseMatched = ({ query, matchCase }: Pick<SoughtText, 'query' | 'matchCase'>): boolean =>
  matchCase ?? query !== query.toLowerCase();

/** The expression for our own walker. Throws `search_invalid`. */
export function patternOf(sought: SoughtText): RegExp {
  const { query, regex, word } = sought;
  const source = regex ? query : query.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  try {
    // It runs in a process of its own, which is ended in time.
    return new RegExp(
      word ? `(?<![\\p{L}\\p{N}_])(?:${source})(?![\\p{L}\\p{N}_])` : source,
      isCaseMatched(sought) ? 'gu' : 'giu',
    );
  } catch (error) {
    throw new CodedError('search_invalid', error instanceof Error ? error.message : undefined);
  }
}
