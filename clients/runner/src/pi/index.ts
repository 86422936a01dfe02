/** The agent, behind one interface: the only folder that knows which SDK it is. */
export { openPiSession, warmUp } from './open.js';
export { listModels } from './models.js';
export { listResources } from './resources.js';
export { readPiSessionFile } from './sessionImport.js';
export { forkEndedFile } from './fork.js';
export { announceHosted } from './plain/hosted.js';
export { loadedPi } from './loadedPi.js';
export { PI_VERSION } from './session.js';
export type { DialogAnswerOutcome } from './dialogs.js';
export type { OpenOptions, Outcome, PiModes, PiSession, PiSink } from './types.js';
