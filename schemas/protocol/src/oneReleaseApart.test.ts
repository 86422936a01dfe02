import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as protocol from './index.js';
import { schemaFiles } from './schemaFiles.js';
import { schemaProblems } from './testing/schemaProblems.js';

/** What the release before this one stored and sent: `tests/upgrade/record.mjs` has recorded it. */
const FIXTURES = fileURLToPath(new URL('../../../tests/fixtures/', import.meta.url));
const RECORDED = `${FIXTURES}previousRelease/`;
const EARLIER = `${FIXTURES}earlierReleases/`;
const read = (path: string, folder = RECORDED): unknown => JSON.parse(readFileSync(folder + path, 'utf8'));
/** The release before this one, and those before it: a log and a row stay for as long as their session. */
const RECORDINGS = [RECORDED, ...readdirSync(EARLIER).map((name) => `${EARLIER}${name}/`)];
const defsOf = (document: unknown): Record<string, unknown> => {
  const defs = protocol.isMap(document) ? document['$defs'] : undefined;
  return protocol.isMap(defs) ? defs : {};
};

/** What a release cannot read of the other one, with the reason why that does no harm. */
const ACCEPTED = new Map<string, string>();

/** Schemas of rows of this release, in JSON as the recorded ones. */
const rows = JSON.parse(
  JSON.stringify(Object.fromEntries(Object.entries(protocol).filter(([name]) => /Row$/.test(name)))),
) as Record<string, unknown>;

describe('what is stored and sent', () => {
  it.each(existsSync(`${RECORDED}schema`) ? readdirSync(`${RECORDED}schema`) : [])(
    'fits the release before this one, and what that one writes fits this one: %s',
    (file) => {
      const now = file === 'rows.json' ? rows : defsOf(JSON.parse(JSON.stringify(schemaFiles()[file])));
      const problems = Object.entries(defsOf(read(`schema/${file}`))).flatMap(([name, before]) =>
        now[name] === undefined ? [`${name} is gone`] : schemaProblems(before, now[name], name),
      );
      expect(problems.filter((problem) => !ACCEPTED.has(problem))).toEqual([]);
    },
  );

  it.each(RECORDINGS)(
    'by an earlier release is what this one reads: its events, its commands and its rows: %s',
    (folder) => {
      const logs = read('logs.json', folder);
      const of = (stream: string): unknown[] =>
        protocol.isMap(logs) && Array.isArray(logs[stream]) ? logs[stream] : [];
      expect(of('SESSIONS').length).toBeGreaterThan(10);
      const events = of('SESSIONS').filter(protocol.isMap);
      const transcript = protocol.foldTranscript(
        protocol.createTranscript(),
        events.map((event, at) => [at + 1, event] as const),
      );
      const shown = JSON.stringify(transcript.items);
      for (const text of ['Hello **world**', '/demo help']) expect(shown).toContain(text);
      // A viewer of this release draws from the frames of the gateway before what the log says.
      const sent = read('frames.json', folder);
      const viewer = protocol.isMap(sent) && Array.isArray(sent['viewer']) ? sent['viewer'].filter(protocol.isMap) : [];
      const streamed = viewer.filter(({ type }) => type === 'event').map(({ event }) => event);
      expect(events.slice(0, streamed.length)).toEqual(streamed);
      expect(streamed.length).toBeGreaterThan(10);
      const unread: string[] = [];
      for (const [bucket, values] of Object.entries(
        read('rows.json', folder) as Record<string, Record<string, unknown>>,
      ))
        for (const [key, value] of Object.entries(values)) {
          const check = CHECKS.find(([at]) => at.test(`${bucket}/${key}`))?.[1];
          if (check?.(value) !== true) unread.push(`${bucket}/${key.split('.')[0]}`);
        }
      expect(unread).toEqual([]);
    },
  );

  it.each(RECORDINGS)('as the entry of a session has a model that every reader shows as one text: %s', (folder) => {
    const frames = JSON.stringify(read('frames.json', folder));
    expect(frames).toContain('"model":"demo/demo"');
    const rows = read('rows.json', folder) as { sessions: Record<string, { info: protocol.SessionInfo }> };
    const infos = Object.values(rows.sessions).map(({ info }) => info);
    expect(infos.map(({ model }) => model)).toEqual(['demo/demo']);
    const shown = infos.map((info) => protocol.withListFields(info, { shareUrl: 'http://x/s/1' }));
    expect(shown.map(({ model }) => model)).toEqual([{ provider: 'demo', id: 'demo' }]);
    for (const { model } of [...infos, ...shown]) expect(protocol.modelText(model)).toBe('demo/demo');
  });
});

/** The checks of rows by bucket and key. */
const CHECKS: readonly [RegExp, (value: unknown) => boolean][] = [
  [/^accounts\/user\./, protocol.isAccountRow],
  [/^accounts\/email\./, protocol.isEmailRow],
  [/^accounts\/login\./, protocol.isLoginRow],
  [/^accounts\/invitation\./, protocol.isInvitationRow],
  [/^api-keys\//, protocol.isKeyRow],
  [/^shares\//, protocol.isShareRow],
  [/^owners\/runner\./, protocol.isRunnerOwnerRow],
  [/^owners\//, protocol.isOwnerRow],
  [/^sessions\//, protocol.isSessionRow],
  [/^session-meta\//, protocol.isSessionMetaRow],
  [/^recent-sessions\//, protocol.isRecentSessionsRow],
  [/^runners\//, protocol.isRunnerRow],
  // Rows whose form is checked by the one process that writes and reads them.
  [/^(projector|deployment|blob-owners|blob-parts|notifications)\//, () => true],
];
