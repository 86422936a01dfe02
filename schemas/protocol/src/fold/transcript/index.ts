export * from './types.js';
export { createTranscript } from './state.js';
export { applyEvent, foldTranscript, textOf } from './events.js';
export { applyDelta, applyPartial, needsPartial } from './deltas.js';
export { inputsOnTheirWay, queuedInputs, stepInQueue } from './queue.js';
export { openDialogs, openedDialog } from './dialogs.js';
export { aboutAt } from './authors.js';
