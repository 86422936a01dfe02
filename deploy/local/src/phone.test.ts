import { describe, expect, it } from 'vitest';
import { phoneLines, type PhoneAddress } from './phone.js';

const phone = (more: Partial<PhoneAddress> = {}): PhoneAddress => {
  const url = 'http://192.168.1.5:7492';
  return { url, kind: 'lan', secure: false, loginUrl: `${url}/#login=token`, ...more };
};
const text = (...given: Parameters<typeof phoneLines>) => phoneLines(...given).join('\n');

describe('the start says how a phone opens the page', () => {
  it('with the address, a QR code, and what everyone in the network can do', () => {
    const shown = text(phone(), 100);
    expect(shown).toContain('http://192.168.1.5:7492');
    expect(shown).toContain('█▀');
    expect(shown).toContain('Everyone in this network can open the sign-in page');
    expect(shown).toContain('no notifications');
    expect(shown).toContain('--tls-cert');
  });

  it('without a terminal with the link alone, and with https without a warning about plain http', () => {
    const shown = text(phone({ secure: true, kind: 'public' }), undefined);
    expect(shown).not.toContain('█');
    expect(shown).toContain('/#login=token');
    expect(shown).not.toContain('Warning');
  });

  it('with what to do when only this machine can open the page, and never with a QR code of it', () => {
    expect(text(undefined, 100)).toBe('  On your phone:    npm start -- --lan');
    const loopback = 'http://127.0.0.1:7492';
    expect(text(phone({ url: loopback, loginUrl: `${loopback}/#login=token` }), 100)).not.toContain('█');
  });
});
