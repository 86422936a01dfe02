export { createProjector } from './app.js';
export type { Projector, ProjectorOptions } from './app.js';
export { askForRebuild, watchRequest } from './rebuildRequest.js';
export type { RebuildRequest } from './rebuildRequest.js';
