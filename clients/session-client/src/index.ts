export {
  openSession,
  EARLIER_EVENTS,
  type ConnectionView,
  type EventListener,
  type InputOptions,
  type Session,
  type SessionListener,
  type SessionOptions,
} from './session.js';
export type { SessionChange } from './fold.js';
export { openHub, openRunners, type Hub, type HubChange, type Runners, type RunnersChange } from './hub.js';
export { createApi, type Api, type Folders, type ListedEvent, type SendOptions } from './api.js';
export type { ApiOptions, Failed, Result } from './http.js';
export { LIMITS, isOpen, sentence, type ConnectionState, type WaitReason } from './connection.js';
export type { Clock, ConnectOptions, WebSocketConstructor, WebSocketLike } from './driver.js';
export { ACK_TIMEOUT_MS, MAX_PENDING_SENDS, type SendOutcome } from './sends.js';
export type { CommandOutcome } from './results.js';
export { followPage, type Wakeable } from './page.js';
