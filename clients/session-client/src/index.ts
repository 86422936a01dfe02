export {
  openSession,
  EARLIER_EVENTS,
  type EventListener,
  type InputOptions,
  type Session,
  type SessionListener,
  type SessionOptions,
} from './session.js';
export {
  openTerminal,
  TerminalConnection,
  type TerminalChange,
  type TerminalDataListener,
  type TerminalConnectionOptions,
  type ConnectedTerminal,
} from './terminal.js';
export type { ConnectionView } from './connectionView.js';
export type { SessionChange } from './fold.js';
export { openHub, openRunners, type Hub, type HubChange, type Runners, type RunnersChange } from './hub.js';
export { createApi, type Api, type Folders, type ListedEvent, type SendOptions } from './api.js';
export {
  UPLOAD_PART_BYTES,
  uploadFile,
  type TransferOptions,
  type UploadSource,
  type UploadTarget,
} from './fileTransfers.js';
export { downloadPath, type HostFileRef } from './fileRequests.js';
export { listSessions, queryText, type SessionLister } from './sessionPages.js';
export type { ApiOptions, Failed, ApiResult } from './http.js';
export { LIMITS, isOpen, sentence, type ConnectionState, type WaitReason } from './connectionMachine.js';
export type { ConnectionClock, ConnectOptions, WebSocketConstructor, WebSocketLike } from './connection.js';
export { MAX_PENDING_SENDS, SEND_LIMITS, type SendOutcome } from './pendingSends.js';
export type { ClientCommandOutcome } from './commandResults.js';
export { watchConnectivity, type Wakeable } from './browserConnectivity.js';
