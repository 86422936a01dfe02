import type { ShareMode } from '@pizzapi/protocol';

/** What the person wants of `/share`. */
export type ShareCommand =
  | { kind: 'share'; mode: ShareMode | undefined }
  | { kind: 'status' | 'stop' | 'help' }
  | { kind: 'wrong'; words: string };

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

export const SHARE_HELP = [
  '/share            a link and a QR code: who has it watches this session, from its beginning',
  '/share --collab   a link for writing, too: the agent does for them what it does for you, on this machine',
  '/share --approve  a link for writing and for approving single calls and plans; rules for later calls stay yours',
  '/share status     where it is shared, and what waits for the network',
  '/share stop       end the sharing, take its links back and stop what the agent does for guests',
];
