/**
 * Finds paths by letters in their order, as editors do. Pure. A match at the begin of a word, in a row or in the name
 * counts more than one that is spread over the path.
 */

export interface NameScore {
  score: number;
  /** Characters that matched: from, and up to. */
  ranges: [number, number][];
}

const START_OF_WORD = 8;
const IN_A_ROW = 6;
const IN_NAME = 4;
const SAME_CASE = 1;
const GAP = 1;
/** A query that is the beginning of the name, or the name, comes first. */
const NAME_BEGINS = 40;
const NAME_EQUALS = 60;
/** Characters of a path that are looked at. */
const MAX_CHARS = 1_024;

const isSeparator = (character: string): boolean => '/\\-_. '.includes(character);
const isUpper = (character: string): boolean => character !== character.toLowerCase();

/** Scores one path, or undefined when the letters do not occur in their order. `lowerQuery` has no spaces. */
export function scoreName(query: string, path: string, matchCase: boolean): NameScore | undefined {
  if (path.length > MAX_CHARS) return undefined;
  const [sought, text] = matchCase ? [query, path] : [query.toLowerCase(), path.toLowerCase()];
  // Lower case can have another length in a few scripts; positions must stay those of the path.
  const haystack = text.length === path.length ? text : path;
  if (!occursInOrder(sought, haystack)) return undefined;
  const nameStart = path.lastIndexOf('/') + 1;
  // Ways to place the letters: from the end, which finds the name first; in a row; at the begins of words.
  const inRow = haystack.lastIndexOf(sought);
  const ways = [
    spreadFromEnd(sought, haystack),
    inRow === -1 ? undefined : Array.from(sought, (_, index) => inRow + index),
    atWords(sought, haystack, path, nameStart),
    atWords(sought, haystack, path, 0),
  ];
  const scored = ways
    .filter((places) => places !== undefined)
    .map((places) => ({ places, score: scoreOf(places, query, path, nameStart) }));
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  const name = haystack.slice(nameStart);
  const bonus = name === sought ? NAME_EQUALS : name.startsWith(sought) ? NAME_BEGINS : 0;
  return { score: best.score + bonus - path.length / 100, ranges: rangesOf(best.places) };
}

function occursInOrder(query: string, text: string): boolean {
  let at = -1;
  for (const character of query) {
    at = text.indexOf(character, at + 1);
    if (at === -1) return false;
  }
  return true;
}

/** The last place of each letter, so that a match in the name wins over one in the folders. */
function spreadFromEnd(query: string, text: string): number[] {
  const places: number[] = [];
  let at = text.length;
  for (const character of [...query].reverse()) {
    at = text.lastIndexOf(character, at - 1);
    places.unshift(at);
  }
  return places;
}

/** Each letter in a row with the one before, else at the next begin of a word, else where it comes next. */
function atWords(query: string, text: string, path: string, from: number): number[] | undefined {
  const places: number[] = [];
  let at = from;
  for (const character of query) {
    let place = text[at] === character && at > from ? at : -1;
    for (let next = at; place === -1 && next < text.length; next++)
      if (text[next] === character && isWordStart(path, next)) place = next;
    if (place === -1) place = text.indexOf(character, at);
    if (place === -1) return undefined;
    places.push(place);
    at = place + 1;
  }
  return places;
}

function isWordStart(path: string, place: number): boolean {
  const before = path[place - 1];
  return before === undefined || isSeparator(before) || (isUpper(path[place] ?? '') && !isUpper(before));
}

function scoreOf(places: readonly number[], query: string, path: string, nameStart: number): number {
  let score = 0;
  places.forEach((place, index) => {
    const here = path[place];
    if (isWordStart(path, place)) score += START_OF_WORD;
    const last = places[index - 1];
    if (last !== undefined) score += place === last + 1 ? IN_A_ROW : -GAP * Math.min(10, place - last - 1);
    if (place >= nameStart) score += IN_NAME;
    if (here === query[index]) score += SAME_CASE;
  });
  return score;
}

function rangesOf(places: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const place of places) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === place) last[1] = place + 1;
    else ranges.push([place, place + 1]);
  }
  return ranges;
}
