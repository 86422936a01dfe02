/** The agent, behind one interface: the only folder that knows which SDK it is. */
export { openPiSession, warmUp } from './open.js';
export { listModels, noKeyError, type ModelList } from './models.js';
export { readPiSessionFile, type ImportOptions, type ImportOutcome } from './sessionImport.js';
export { forkEndedFile } from './fork.js';
export { PI_VERSION } from './session.js';
export type { Damage } from './sessionFile.js';
export type { DialogAnswerOutcome } from './dialogs.js';
export type { OpenOptions, Outcome, PiModes, PiSession, PiSink } from './types.js';
