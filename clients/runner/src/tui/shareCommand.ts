import type { ShareMode } from '@pizzapi/protocol';

/** What the person wants of `/share`. */
export type ShareCommand =
  | { kind: 'share'; mode: ShareMode | undefined }
  | { kind: 'status' | 'stop' | 'help' }
  | { kind: 'wrong'; words: string };

/** How the person types the commands of sharing. */
export interface ShareSyntax {
  /** Shares the session. */
  share: string;
  stop: string;
  help: string;
  /** What stands under a link. */
  more: string;
  /** The lines of the help. */
  lines: readonly string[];
  parse: (words: string) => ShareCommand;
}

/** Reads the words behind `/share`. */
export function parseShareCommand(words: string): ShareCommand {
  switch (words.trim()) {
    case '':
      return { kind: 'share', mode: undefined };
    case '--collab':
    case 'collab':
      return { kind: 'share', mode: 'collab' };
    case '--approve':
    case 'approve':
      return { kind: 'share', mode: 'approve' };
    case 'status':
    case 'stop':
    case 'help':
      return { kind: words.trim() as 'status' | 'stop' | 'help' };
    case '--help':
      return { kind: 'help' };
    default:
      return { kind: 'wrong', words: words.trim() };
  }
}

/** `/share` of our wrapper of pi. */
export const SHARE_SYNTAX: ShareSyntax = {
  ...{ share: '/share', stop: '/share stop', help: '/share help' },
  more: 'Also: /share --collab, /share --approve, /share status, /share stop, /share help',
  lines: [
    '/share            create a read-only link with a QR code; guests see the session from its beginning',
    '/share --collab   create a link with write access: the agent works for guests as it does for you, on this machine',
    '/share --approve  create a link for writing and approving single calls and plans; only you can add rules',
    '/share status     show the link and what is waiting to be sent',
    '/share stop       stop sharing, revoke the links and stop the work of guests',
  ],
  parse: parseShareCommand,
};
