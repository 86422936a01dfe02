/**
 * Every named failure of PizzaPi: the code is the HTTP body's, the WebSocket frame's, the command result's and the
 * metric label's. `status` is the HTTP answer; `hint` says what to do next. PROTOCOL.md lists the same table and
 * `tests/protocol-document.test.ts` holds the two together.
 */
export const ERRORS = {
  bad_request: { status: 400, hint: 'The request has the wrong shape. Compare it with /openapi.json.' },
  bad_option: { status: 400, hint: 'Run the command with --help to see what it takes.' },
  bad_frame: { status: 400, hint: 'A frame is a msgpack map (or a JSON object) with a known `type`. See PROTOCOL.md.' },
  too_deep: { status: 400, hint: 'Maps and lists may nest 100 levels deep. Send something flatter.' },
  frame_too_large: { status: 413, hint: 'A frame may hold 1 MiB. Send large files as attachments of several inputs.' },
  unsupported_media_type: { status: 415, hint: 'Send JSON with `Content-Type: application/json`.' },
  body_too_large: { status: 413, hint: 'Send a smaller body, or split it.' },
  invalid_id: { status: 400, hint: 'Ids are 1 to 64 characters of A–Z, a–z, 0–9, _ and -.' },
  invalid_offset: { status: 400, hint: 'Offsets are whole numbers ≥ 0 that this session has reached.' },
  unauthenticated: {
    status: 401,
    hint: 'Open the link that `npm start` printed, or run `pizzapi local` to get a new one.',
  },
  link_invalid: { status: 401, hint: 'This sign-in link was used or has expired. Run `pizzapi link` for a new one.' },
  login_failed: { status: 401, hint: 'The e-mail address or the password is wrong.' },
  signup_closed: { status: 403, hint: 'Ask the person who runs this relay for an account.' },
  account_disabled: { status: 403, hint: 'Ask the person who runs this relay.' },
  password_weak: { status: 400, hint: 'A password has 8 to 128 characters, with A–Z, a–z and 0–9 among them.' },
  runner_claimed: {
    status: 403,
    hint: 'Another host owns this runner id. Remove `runner/identity.json` to get a new one.',
  },
  runner_token_missing: {
    status: 401,
    hint: 'Run `pizzapi runner pair`, or make a runner token in the dashboard under Keys and set PIZZAPI_RUNNER_TOKEN.',
  },
  runner_refused: {
    status: 403,
    hint: 'The token was revoked, or another host owns the id. Get a token with `pizzapi runner pair`; for a new id remove `runner/identity.json`.',
  },
  forbidden: { status: 403, hint: 'You may not do this with these credentials.' },
  forbidden_origin: { status: 403, hint: 'Open the page under the address the gateway was started with.' },
  forbidden_host: { status: 421, hint: 'Use the address the gateway was started with, or set PIZZAPI_PUBLIC_URL.' },
  read_only: { status: 403, hint: 'This link only lets you watch. Ask the owner for one that lets you write.' },
  link_ended: {
    status: 403,
    hint: 'The link was revoked, has expired or only lets you watch now. Ask the owner for a new one.',
  },
  not_found: { status: 404, hint: 'There is nothing at this address. /openapi.json lists what there is.' },
  session_not_found: { status: 404, hint: 'List the sessions you may see with `pizzapi sessions`.' },
  runner_not_found: {
    status: 404,
    hint: 'List the runners with `pizzapi doctor`, or start one with `pizzapi runner`.',
  },
  runner_is_a_terminal: {
    status: 409,
    hint: 'It shares the one session it shows. Choose a runner that `pizzapi runner` or `pizzapi local` has started.',
  },
  key_not_found: { status: 404, hint: 'List your keys with `pizzapi keys`.' },
  share_not_found: { status: 404, hint: 'List the links of a session with `pizzapi share <session> --list`.' },
  login_not_found: { status: 404, hint: 'This sign-in is over already.' },
  device_not_found: { status: 404, hint: 'It was removed already, or has withdrawn by itself.' },
  user_not_found: { status: 404, hint: 'List the people with `pizzapi users`.' },
  pair_not_found: {
    status: 404,
    hint: 'The code is wrong, was used or has expired. Run the command again for a new one.',
  },
  pair_denied: { status: 403, hint: 'If that was a mistake, run the command again and compare the codes.' },
  blob_not_found: { status: 404, hint: 'The blob was never stored or has expired with its session.' },
  too_many_keys: { status: 409, hint: 'Revoke one that is not used any more: `pizzapi keys`.' },
  too_many_devices: { status: 409, hint: 'Remove one that is not used any more, under Notifications.' },
  own_account: { status: 409, hint: 'Another admin has to do this to your account.' },
  email_taken: { status: 409, hint: 'Choose another e-mail address.' },
  session_ended: { status: 409, hint: 'This session is over. Start a new one, or continue its file with resumedFrom.' },
  already_exists: { status: 409, hint: 'Use another id, or read the one that is there.' },
  session_gone: { status: 410, hint: 'The session was deleted.' },
  offset_expired: { status: 410, hint: 'Start again from `first`, the oldest event still stored.' },
  cwd_not_found: { status: 422, hint: 'The folder does not exist on the runner. Check the spelling.' },
  cwd_not_a_folder: { status: 422, hint: 'The path names a file. Choose the folder that holds it.' },
  cwd_outside_roots: {
    status: 422,
    hint: "Choose a folder inside the runner's roots, or start the runner with --roots.",
  },
  address_refused: {
    status: 422,
    hint: 'Use an address that everybody can reach. Whoever runs this relay can allow others with PIZZAPI_NOTIFY_PRIVATE.',
  },
  model_unknown: { status: 422, hint: 'Choose a model that the runner lists; `demo/demo` always works.' },
  model_unauthenticated: {
    status: 422,
    hint: 'The runner has no key for this model. Add one to pi (`pi /login`), or use demo/demo.',
  },
  tool_unknown: {
    status: 422,
    hint: 'Name tools that pi has on the runner; a tool of an extension is there when the extension is.',
  },
  command_unknown: { status: 422, hint: 'PROTOCOL.md lists the commands.' },
  command_invalid: { status: 422, hint: "The command's arguments have the wrong shape. See PROTOCOL.md." },
  command_expired: {
    status: 408,
    hint: 'The command waited too long for its host and was not carried out. Send it again.',
  },
  command_failed: { status: 422, hint: 'The agent refused or failed the command; the message says why.' },
  request_timeout: {
    status: 408,
    hint: 'Send it again: a request has to go on coming, at 1 KiB a second at least.',
  },
  input_empty: { status: 422, hint: 'Send some text or an attachment.' },
  dialog_unknown: { status: 404, hint: 'No such question is open in this session.' },
  dialog_late: { status: 409, hint: 'Somebody answered first, or the question timed out.' },
  dialog_invalid_answer: { status: 422, hint: 'Choose one of the options that the question lists.' },
  trigger_unknown: { status: 404, hint: 'No child session has asked this. Its id is in the message that told of it.' },
  trigger_late: {
    status: 409,
    hint: 'Somebody answered first, or it took no answer any more. Tell the child with tell_child instead.',
  },
  not_linked: {
    status: 403,
    hint: 'Only a parent and its children may do this to each other. The link may have been ended.',
  },
  file_invalid: { status: 422, hint: 'The file is not a pi session (JSON lines, the first of type "session").' },
  file_truncated: {
    status: 422,
    hint: 'The file ends in the middle of a line. Copy it again, or cut the last line off.',
  },
  file_in_use: { status: 409, hint: 'Open that session, fork it, or end it before its file is continued.' },
  file_not_found: { status: 404, hint: 'Check the path.' },
  too_many_requests: { status: 429, hint: 'Wait as long as Retry-After says.' },
  too_many_connections: {
    status: 429,
    hint: 'Close other tabs or programs that watch it. It is tried again by itself after a while.',
  },
  too_many_sessions: { status: 429, hint: 'The runner is full. End a session, or raise --max-sessions.' },
  internal: { status: 500, hint: 'This is a bug. The log of the process has the details under the same request id.' },
  runner_failed: { status: 502, hint: 'The runner could not start the session; its log says why.' },
  unavailable: {
    status: 503,
    hint: 'The backbone is out of reach. It is retried by itself; try again in some seconds.',
  },
  gateway_unreachable: {
    status: 503,
    hint: 'Is the gateway running? Start it with `npm start`, or name another with --relay-url.',
  },
  draining: { status: 503, hint: 'This gateway is shutting down. Connect to another, or try again in some seconds.' },
  host_lost: {
    status: 503,
    hint: 'The host of this session is out of reach. Nothing is lost; send again once it is back.',
  },
  runner_timeout: {
    status: 504,
    hint: 'The runner did not answer in time. The session may still appear; look at the list.',
  },
  unknown: { status: 502, hint: 'The host died while it worked on this command; it may or may not have happened.' },
  nats_unreachable: { status: 503, hint: 'Is nats-server running? Check PIZZAPI_NATS_URL and the credentials.' },
  nats_unauthorized: {
    status: 503,
    hint: 'nats-server refused the credentials. Check PIZZAPI_NATS_USER and PIZZAPI_NATS_PASSWORD.',
  },
  nats_too_old: { status: 503, hint: 'PizzaPi needs nats-server 2.11 or newer.' },
  nats_server_not_found: {
    status: 503,
    hint: 'Install nats-server 2.11 or newer, or set PIZZAPI_NATS_SERVER to its path.',
  },
  nats_start_failed: { status: 503, hint: 'The end of the log says why.' },
  store_in_use: {
    status: 503,
    hint: 'Another PizzaPi runs with the same home. Stop it, or choose another with --home.',
  },
  home_unusable: {
    status: 503,
    hint: 'Make it a folder that you may write to, or choose another with --home.',
  },
  stream_drift: {
    status: 503,
    hint: 'A stream or bucket differs from what PizzaPi needs. The message names the field.',
  },
  not_provisioned: { status: 503, hint: 'Streams are missing. Start `pizzapi local`, or run the provisioner once.' },
  not_built: { status: 503, hint: 'Build the project once with `npm run build`.' },
  start_failed: { status: 503, hint: 'The log named here says why; `pizzapi doctor` checks what is needed.' },
  start_stopped: { status: 503, hint: 'Run the command again to start.' },
  port_in_use: {
    status: 503,
    hint: 'Another program listens there. Choose another with --port (nats-server: --nats-port).',
  },
  storage_full: {
    status: 507,
    hint: 'Delete sessions that are not needed any more, or ask the person who runs this relay for more room.',
  },
  spool_full: { status: 503, hint: 'The spool is full: the session waits until the backbone is reachable again.' },
  fenced: { status: 409, hint: 'Another host owns this session now. This one has stopped.' },
} as const satisfies Record<string, { status: number; hint: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** The codes, in the table's order. */
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

/** True for a string that is one of our codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}

/** What went wrong, in the one shape that crosses every boundary. */
export interface ErrorInfo {
  code: ErrorCode;
  /** One or two sentences: what happened, and what to do next. */
  message: string;
}

/** An error with one of our codes. Thrown only where a caller cannot be expected to handle the outcome as a value. */
export class CodedError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, what?: string, options?: ErrorOptions) {
    super(describeError(code, what), options);
    this.name = 'CodedError';
    this.code = code;
  }
}

/** `what` (what happened here) followed by the table's advice. */
export function describeError(code: ErrorCode, what?: string): string {
  const { hint } = ERRORS[code];
  return what === undefined ? hint : `${what.replace(/[.\s]*$/, '')}. ${hint}`;
}

/** The `ErrorInfo` for a code, with what happened here. */
export function errorInfo(code: ErrorCode, what?: string): ErrorInfo {
  return { code, message: describeError(code, what) };
}

/** Any thrown thing as an `ErrorInfo`; what is not ours becomes `internal` and keeps its details to itself. */
export function toErrorInfo(thrown: unknown): ErrorInfo {
  return thrown instanceof CodedError ? { code: thrown.code, message: thrown.message } : errorInfo('internal');
}
