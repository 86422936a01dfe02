/**
 * A page for working on the dashboard without a gateway: the real page and the real session client, on a WebSocket
 * and a `fetch` that play a script. It is no part of the product's build.
 */
import { installScriptedGateway } from './gateway.js';
import { installScriptedPush } from './notifications.js';

const options = new URLSearchParams(location.search);
installScriptedGateway({
  scene: options.get('scene') ?? 'busy',
  sessions: Number(options.get('sessions') ?? 0),
  page: Number(options.get('page') ?? 0),
  messages: Number(options.get('messages') ?? 0),
  notifications: options.get('notifications') ?? '',
  allow: options.get('allow') ?? '',
  storage: options.get('storage') ?? '',
  cast: {
    who: options.get('who') ?? 'admin',
    signup: options.get('signup') ?? 'closed',
    accounts: options.get('accounts') !== 'none',
    issuer: options.get('issuer') ?? '',
    relay: options.get('relay') ?? '0.1.0',
  },
});
installScriptedPush(options.get('push') ?? '');
const at = options.get('at') ?? (location.pathname.startsWith('/dev/') ? '/' : undefined);
if (at !== undefined) history.replaceState(null, '', at);
// Not awaited: the page shares a file with this module, which would wait for itself.
void import('../src/main.js');
