import type { RunnerInfo } from '../info.js';
import { isRunnerEvent, type RunnerEvent } from '../runnerEvents.js';
import { boundedResources } from '../runnerResources.js';

/** The number of warnings and of folders in the entry of a runner. */
const KEPT_WARNINGS = 20;
const KEPT_FOLDERS = 12;

const NO_RESOURCES: Partial<RunnerInfo> = { skills: undefined, agents: undefined, plugins: undefined };

/** The state of a runner before its first event. */
export function initialRunnerInfo(runnerId: string): RunnerInfo {
  return {
    runnerId,
    name: runnerId,
    kind: 'daemon',
    version: '',
    piVersion: '',
    platform: '',
    roots: [],
    models: [],
    defaultModel: '',
    maxSessions: 0,
    sessions: [],
    recentFolders: [],
    warnings: [],
    services: [],
    startedAt: 0,
  };
}

/** Returns the next state of a runner after one event. Pure and total: an unknown or invalid event changes nothing. */
export function applyRunnerInfo(info: RunnerInfo, event: unknown): RunnerInfo {
  return isRunnerEvent(event) ? evolve(info, event) : info;
}

function evolve(info: RunnerInfo, event: RunnerEvent): RunnerInfo {
  switch (event.type) {
    case 'runner_started': {
      const { type: _type, at, epoch: _epoch, ...said } = event;
      // An earlier version of the runner does not state its pi, its wire and what pi loads.
      return {
        ...info,
        pi: undefined,
        wire: undefined,
        allow: undefined,
        git: undefined,
        ...NO_RESOURCES,
        ...said,
        ...boundedResources(said),
        sessions: [],
        warnings: [],
        startedAt: at,
        stoppedAt: undefined,
      };
    }
    case 'models_changed':
      return { ...info, models: event.models, defaultModel: event.defaultModel };
    case 'resources_changed':
      return { ...info, ...NO_RESOURCES, ...boundedResources(event) };
    case 'pi_changed':
      return { ...info, piVersion: event.piVersion, pi: event.pi };
    case 'runner_stopped':
      return { ...info, sessions: [], stoppedAt: event.at };
    case 'session_opened':
      return {
        ...info,
        sessions: [...info.sessions.filter((sid) => sid !== event.sessionId), event.sessionId],
        recentFolders: event.adopted
          ? info.recentFolders
          : [event.cwd, ...info.recentFolders.filter((cwd) => cwd !== event.cwd)].slice(0, KEPT_FOLDERS),
      };
    case 'session_closed':
      return { ...info, sessions: info.sessions.filter((sid) => sid !== event.sessionId) };
    case 'recent_folders_changed':
      return { ...info, recentFolders: event.folders.slice(0, KEPT_FOLDERS) };
    case 'runner_warning':
      return {
        ...info,
        warnings: [...info.warnings, { code: event.code, message: event.message, at: event.at }].slice(-KEPT_WARNINGS),
      };
    case 'runner_warning_cleared':
      return { ...info, warnings: info.warnings.filter(({ code }) => code !== event.code) };
    case 'services_announced':
      return { ...info, services: event.services };
    case 'command_result':
      return info;
  }
}
