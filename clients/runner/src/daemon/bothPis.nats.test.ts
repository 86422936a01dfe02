import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageText } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPiSessionFile } from '../pi/index.js';
import { Rig } from '../testing/runnerHarness.js';

/** The folder of an installed pi 1.x. Without it there is only one pi to run on. */
const NEWER = process.env['PIZZAPI_TEST_PI'];
const BUNDLED = 'bundled';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig.close());

describe.skipIf(NEWER === undefined)('a session', () => {
  it('begun on one pi continues on the other and back, with its log and its file whole', async () => {
    const runOn = async (pi: string) => {
      await rig.endDaemon('SIGTERM');
      await rig.startDaemon({ PIZZAPI_PI: pi });
    };
    const texts = ['/demo help', '/demo long 500', '/demo long 300', '/demo long 200'];
    await rig.startDaemon({ PIZZAPI_PI: NEWER });
    const sid = await rig.newSession({ prompt: texts[0]! });
    const log = await rig.log(sid);
    const versionOf = (event: object | undefined) => (event as { pi?: { version: string } } | undefined)?.pi?.version;
    const versions = [versionOf(log.items[0])];
    await log.until((event) => event.type === 'agent_end');
    for (const [index, pi] of [BUNDLED, NEWER!, BUNDLED].entries()) {
      await runOn(pi);
      // The worker of the other pi rests once it is seen to be outdated.
      await expect.poll(async () => (await rig.record(sid)).worker, { timeout: 60_000 }).toBeUndefined();
      const from = log.items.length;
      const input = await rig.send('input', { text: texts[index + 1]! }, sid);
      expect(await rig.result(sid, input)).toMatchObject({ ok: true });
      versions.push(versionOf(await log.until((event) => event.type === 'session_resumed', from)));
      await log.until((event) => event.type === 'agent_end', from);
    }
    expect(versions).toEqual([expect.stringMatching(/^1\./), '0.73.1', expect.stringMatching(/^1\./), '0.73.1']);
    const ends = log.items.filter((event) => event.type === 'message_end');
    expect(ends.map((event) => event.message.role)).toEqual(texts.flatMap(() => ['user', 'assistant']));
    expect(ends.filter(({ message }) => message.role === 'user').map(({ message }) => messageText(message))).toEqual(
      texts,
    );
    expect(log.items.filter((event) => event.type === 'dialog_opened' && event.level === 'error')).toEqual([]);
    // pi's own file has the same messages.
    const { file } = await rig.record(sid);
    const read = readPiSessionFile(file!, { userId: 'ann', runnerId: 'r1', piVersion: '1', epoch: 1 });
    const inFile = read.kind === 'ok' ? read.events.filter((event) => event.type === 'message_end') : [];
    expect(inFile.map(({ message }) => messageText(message))).toEqual(ends.map(({ message }) => messageText(message)));
    expect(read).toMatchObject({ kind: 'ok', damage: [], skipped: [] });
    expect(JSON.stringify(log.items)).not.toContain('coding assistant running inside pi');
    expect(
      readFileSync(file!, 'utf8')
        .split('\n')
        .filter((line) => line !== '').length,
    ).toBeGreaterThan(8);
    expect(join(rig.root, 'project')).toBe((await rig.record(sid)).cwd);
  }, 180_000);
});
