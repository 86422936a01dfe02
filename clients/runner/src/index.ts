/** The runner: hosts sessions of the agent, one worker process each. */
export { createRunner } from './daemon/app.js';
export type { Runner, RunnerDeps } from './daemon/app.js';
export { readRunnerOptions, RUNNER_OPTIONS } from './options.js';
export type { RunnerOptions } from './options.js';
export { runnerHome } from './home.js';
export type { RunnerHome } from './home.js';
