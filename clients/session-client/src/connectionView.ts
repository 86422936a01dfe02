import { isDoubted, isOpen, NOT_CONNECTED, sentence, type ConnectionState } from './connectionMachine.js';

/** A connection in words. */
export interface ConnectionView {
  state: ConnectionState;
  /** "Not connected, trying" */
  sentence: string;
  /** The state is `replaying` or `live`, but an answer of the gateway is missing. */
  isDoubtful: boolean;
}

/** What a person sees of a connection. `isUnanswered`: the answer to something that was sent is missing. */
export function viewOf(state: ConnectionState, isUnanswered = false): ConnectionView {
  const isDoubtful = isDoubted(state) || (isOpen(state) && isUnanswered);
  return { state, sentence: isDoubtful ? NOT_CONNECTED : sentence(state), isDoubtful };
}
