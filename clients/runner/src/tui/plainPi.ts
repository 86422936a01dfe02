import { removeSecrets, shareEnvironment } from '../access/index.js';
import { describeInstallation, describeLoadedPi } from '../installation/describe.js';
import { PlainPi, runningPi } from '../pi/plain/index.js';
import { ShareController } from './shareController.js';
import type { ShareCommand, ShareSyntax } from './shareCommand.js';
import { terminalLog } from './terminalLog.js';

/** Reads the words behind `/pizzapi`. */
export function parsePlainCommand(words: string): ShareCommand {
  switch (words.trim().replace(/\s+/g, ' ')) {
    case 'share':
      return { kind: 'share', mode: undefined };
    case 'share --collab':
    case 'share collab':
      return { kind: 'share', mode: 'collab' };
    case 'status':
    case 'share status':
      return { kind: 'status' };
    case 'stop':
    case 'share stop':
      return { kind: 'stop' };
    case '':
    case 'help':
    case '--help':
    case 'share --help':
      return { kind: 'help' };
    default:
      return { kind: 'wrong', words: words.trim() };
  }
}

/** `/pizzapi` in a plain pi. */
export const PLAIN_SYNTAX: ShareSyntax = {
  ...{ share: '/pizzapi share', stop: '/pizzapi stop', help: '/pizzapi help' },
  more: 'Also: /pizzapi share --collab, /pizzapi status, /pizzapi stop, /pizzapi help',
  lines: [
    '/pizzapi share           create a read-only link with a QR code; guests see the session from its beginning',
    '/pizzapi share --collab  create a link with write access: the agent works for guests as it does for you, here',
    '/pizzapi status          show the link and what is waiting to be sent',
    '/pizzapi stop            stop sharing, revoke the links and stop the work of guests',
    '',
    'Only the terminal of `pizzapi` has the bare /share, approvals and plans, and shows the questions of extensions on',
    'the page. On the page of a plain pi, slash commands and templates are texts, and there are no shell commands.',
  ],
  parse: parsePlainCommand,
};

/** Where this process keeps what outlives a reload of pi's extensions. */
const KEY = Symbol.for('pizzapi.plain');

interface Loaded {
  from: string;
  plain: PlainPi;
}

/**
 * The extension of our pi package. `from` is the file of the package: a second copy of the package in the same pi adds
 * nothing.
 */
export function plainPiExtension(from: string, version: string): PlainPi['load'] {
  return (pi) => {
    const kept: Record<symbol, Loaded | undefined> = globalThis;
    const loaded = (kept[KEY] ??= { from, plain: makePlainPi(version) });
    if (loaded.from === from) loaded.plain.load(pi);
  };
}

function makePlainPi(version: string): PlainPi {
  const env = { ...process.env };
  const world = shareEnvironment(env, version);
  const access = () => {
    // Before guests can have the agent read them.
    removeSecrets();
    return world.access();
  };
  const installation = runningPi();
  const { node } = installation;
  const pi = {
    runner: describeInstallation(installation),
    session: describeLoadedPi({ ...installation, node: node.version }),
  };
  const log = terminalLog(world.home);
  return new PlainPi((terminal) => new ShareController(terminal, { ...world, pi, access }, log, PLAIN_SYNTAX));
}
