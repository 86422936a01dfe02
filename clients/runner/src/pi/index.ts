/** The agent, behind one interface: the only folder that knows which SDK it is. */
export { openPiSession, warmUp } from './open.js';
export { listModels, type ModelList } from './models.js';
export { readPiSessionFile, type ImportOptions, type ImportOutcome } from './importFile.js';
export { DEMO_MODEL } from './demo/provider.js';
export { PI_VERSION } from './session.js';
export type { Answer } from './dialogs.js';
export type { OpenState } from './openBlocks.js';
export type {
  ExecResult,
  OpenOptions,
  OpenOutcome,
  Outcome,
  PiSession,
  PiSink,
  PromptInput,
  SessionState,
} from './types.js';
