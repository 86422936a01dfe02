import type { CommandName } from '@pizzapi/protocol';

/**
 * What a guest with a collaborative link may ask of a session: to take part in the conversation. Not: what reaches
 * beyond it, to the host, its files or other sessions, nor what decides over the session itself.
 */
export const GUEST_COMMANDS: Readonly<Record<CommandName, boolean>> = {
  input: true,
  abort: true,
  dialog_response: true,
  compact: true,
  model_set: true,
  set_thinking_level: true,
  exec: false,
  fork: false,
  set_name: false,
  kill_session: false,
  attach_session: false,
  session_message: false,
  trigger_response: false,
  session_trigger: false,
  trigger_closed: false,
  session_unlinked: false,
  link_receipt: false,
  new_session: false,
  list_sessions: false,
  restart: false,
  shutdown: false,
};
