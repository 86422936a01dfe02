/** What people read of a run that the stop or the crash of its host has ended. */
export const INTERRUPTED_TEXT = 'The host was stopped while the agent wrote.';

/** The input that continues such a run. Pages and terminals offer it; it is an ordinary message of the person. */
export const CONTINUE_INPUT = 'Continue where you stopped.';
