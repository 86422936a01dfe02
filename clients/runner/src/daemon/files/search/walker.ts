import type { Readable } from 'node:stream';
import { checker } from '@pizzapi/protocol';
import Type, { type Static } from 'typebox';
import { toText, toBuffer, type BytePath } from '../bytePath.js';
import { globFilter } from './globs.js';
import { patternOf } from './pattern.js';
import { pathsIn } from './rawMatch.js';
import { grep, walk } from './walk.js';

/** What the daemon asks its walker for, as the one argument of the process. */
export const WalkerRequest = Type.Object({
  find: Type.Union([Type.Literal('names'), Type.Literal('contents')]),
  hidden: Type.Boolean(),
  folders: Type.Boolean(),
  globs: Type.Array(Type.String()),
  /** The names come over the input, with NUL between them: git knows them. */
  listed: Type.Boolean(),
  sought: Type.Optional(
    Type.Object({
      query: Type.String(),
      regex: Type.Boolean(),
      matchCase: Type.Optional(Type.Boolean()),
      word: Type.Boolean(),
    }),
  ),
});
export type WalkerRequest = Static<typeof WalkerRequest>;
const isWalkerRequest = checker(WalkerRequest);

/**
 * Writes names with NUL between them, or lines that match as `rg --json` does. `write` returns a promise while its reader is slower.
 */
export async function runWalker(
  asked: string,
  input: Readable,
  write: (text: Buffer) => Promise<void> | undefined,
): Promise<void> {
  const request: unknown = JSON.parse(asked);
  if (!isWalkerRequest(request)) throw new TypeError('This is no request of a daemon');
  const { find, sought, globs, listed } = request;
  const isWanted = globFilter(globs);
  const pattern = sought === undefined ? undefined : patternOf(sought);
  const names = listed ? namesOf(input) : walk(request);
  for await (const path of names) {
    if (globs.length > 0 && !isWanted(toText(path))) continue;
    if (find === 'names' || pattern === undefined) {
      await write(Buffer.concat([toBuffer(path), Buffer.from([0])]));
      continue;
    }
    for await (const line of grep(path, pattern)) await write(Buffer.from(`${line}\n`));
  }
}

async function* namesOf(input: Readable): AsyncGenerator<BytePath> {
  let rest = '';
  for await (const chunk of input) {
    if (!Buffer.isBuffer(chunk)) continue;
    rest += chunk.toString('latin1');
    const end = rest.lastIndexOf('\0');
    yield* pathsIn(rest.slice(0, end + 1));
    rest = rest.slice(end + 1);
  }
  yield* pathsIn(rest);
}
