import type { SessionHost } from './host.js';
import type { PiChoice } from './piChoice.js';

/**
 * Puts idle sessions to sleep whose workers run on another pi than new ones: their next input wakes them on the new one.
 * A session at work shows what it runs on, and rests when it is asked again.
 */
export async function restOutdated(hosts: readonly SessionHost[], pi: PiChoice): Promise<void> {
  for (const host of hosts) {
    const { attached } = host;
    if (attached === undefined) continue;
    const { pi: old, link } = attached.worker;
    let text = '';
    if (old !== undefined && pi.isOutdated(old)) {
      if (host.facts.activity === 'idle' && (await host.rest())) continue;
      text = `This session runs on pi ${old.version}; pi ${pi.current.version} starts when the session next rests`;
    }
    if (text === (attached.outdated ?? '')) continue;
    attached.outdated = text;
    // Not awaited: a worker that spins answers nothing.
    void link.request('outdated', { text });
  }
}
