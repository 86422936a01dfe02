import type { SessionHost } from './host.js';
import type { PiChoice } from './piChoice.js';

/**
 * Puts idle sessions to sleep whose workers run on another pi than new ones: their next input wakes them on the new one.
 * A session at work is told once, and rests when it is asked again.
 */
export async function restOutdated(hosts: readonly SessionHost[], pi: PiChoice): Promise<void> {
  for (const host of hosts) {
    const { attached: attachment } = host;
    const { pi: old, link } = attachment?.worker ?? {};
    if (attachment === undefined || old === undefined || !pi.isOutdated(old)) continue;
    if (host.facts.activity === 'idle' && (await host.rest())) continue;
    if (attachment.isToldOutdated === true || host.facts.activity === 'idle') continue;
    attachment.isToldOutdated = true;
    const text = `This session runs on pi ${old.version}; pi ${pi.current.version} starts when the session next rests`;
    await link?.request('outdated', { text });
  }
}
