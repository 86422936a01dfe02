import { LINK_COMMANDS, type Command, type CommandName } from '@pizzapi/protocol';

/** What linked sessions say to each other, and what people answer. */
const REPEATABLE: readonly CommandName[] = [
  ...LINK_COMMANDS,
  'trigger_response',
  'session_message',
  // A prompt waits on in the file until it is answered; what does not wait any more takes no answer, which is said.
  'dialog_response',
];

/** Whether a session may be asked twice, because it knows by its own file what it has done. */
export const isIdempotent = ({ name }: Command): boolean => REPEATABLE.includes(name);
