import { ERRORS, isErrorCode } from '@pizzapi/protocol';

/** What a person does on the page where the general hint names a command of the terminal. */
const HINTS: Readonly<Record<string, string>> = {
  session_not_found: 'Choose one of your sessions from the list.',
  runner_not_found: 'Choose a runner from the list of a new session.',
  runner_is_a_terminal: 'A terminal hosts only the session that it shows. Choose another runner.',
  key_not_found: 'The settings list your keys.',
  share_not_found: 'The dialog “Share” lists the links of a session.',
  forbidden_host: 'Open the page at the address that PizzaPi was started with.',
  invitation_not_found: 'The invitation was used or revoked already.',
  not_reachable: 'Only the computer that runs PizzaPi can open this page. Open it to the local network first.',
  user_not_found: 'The settings list the accounts.',
  too_many_keys: 'Revoke an unused key in the settings.',
  session_running: 'End the session first.',
  session_ended: 'The session has ended. Fork it or start a new one.',
  offset_expired: 'Reload the page to read from the oldest stored event.',
  gateway_unreachable: 'Check the network, or try again in a few seconds.',
  disk_full: 'Free space on the computer that runs PizzaPi, or ask its operator. Nothing that was confirmed is lost.',
  file_changed: 'The file was changed meanwhile. Reload it, or compare both versions.',
  folder_not_empty: 'Remove what is in the folder first.',
  other_disk: 'What lies on another disk cannot be moved in one step.',
  terminal_unknown: 'The terminal has ended. Open another one.',
  unsupported_media_type: 'Reload the page to get its current version.',
};

/** An error with a hint that can be followed on the page. */
export function forPage<E extends { code: string; message: string }>(error: E): E {
  const { code, message } = error;
  const hint = HINTS[code];
  if (hint === undefined || !isErrorCode(code)) return error;
  const general = ERRORS[code].hint;
  if (!message.endsWith(general)) return error;
  return { ...error, message: message.slice(0, -general.length) + hint };
}
