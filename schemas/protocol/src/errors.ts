import { ACCESS_ERRORS } from './accessErrors.js';

/**
 * Every named failure of PizzaPi. HTTP bodies, WebSocket frames, command results and metric labels carry the code.
 * `status` is the HTTP status; `hint` states what to do next. `docs/reference/errors.md` is generated from this table.
 */
export const ERRORS = {
  ...ACCESS_ERRORS,
  session_ended: {
    status: 409,
    hint: 'The session has ended. Start a new one, or continue its file with `resumedFrom`.',
  },
  already_exists: { status: 409, hint: 'Use another id, or read the existing one.' },
  session_gone: { status: 410, hint: 'The session was deleted; its log cannot be restored.' },
  offset_expired: { status: 410, hint: 'Start again from `first`, the offset of the oldest stored event.' },
  cwd_not_found: { status: 422, hint: 'Check the spelling: the folder does not exist on the runner.' },
  cwd_not_a_folder: { status: 422, hint: 'Choose a folder: the path names a file.' },
  cwd_outside_roots: {
    status: 422,
    hint: "Choose a folder inside of the runner's roots, or start the runner with other --roots.",
  },
  address_refused: {
    status: 422,
    hint: 'Use a public address. The operator of this gateway can allow private addresses with PIZZAPI_NOTIFY_PRIVATE.',
  },
  model_unknown: { status: 422, hint: 'Choose a model that the runner lists; `demo/demo` always works.' },
  model_unauthenticated: {
    status: 422,
    hint: 'The runner has no API key for this model. Add one in pi (`/login`), or use demo/demo.',
  },
  tool_unknown: {
    status: 422,
    hint: 'Name tools that pi has on the runner. A tool of an extension needs that extension.',
  },
  command_unknown: { status: 422, hint: 'docs/protocol/commands.md lists the commands.' },
  command_invalid: { status: 422, hint: 'Compare the arguments with docs/protocol/commands.md.' },
  command_expired: {
    status: 408,
    hint: 'The command expired before its runner received it, and was not executed. Send it again.',
  },
  command_failed: { status: 422, hint: 'The agent refused the command or failed. The message states the reason.' },
  request_timeout: {
    status: 408,
    hint: 'Send the request again, at 1 KiB a second or more.',
  },
  compaction_running: { status: 409, hint: 'A compaction is running already. Wait until it ends, or stop it.' },
  input_not_queued: {
    status: 409,
    hint: 'The agent has read this message already, or it was taken out of the queue. Send a new message instead.',
  },
  input_withdrawn: { status: 409, hint: 'A person took the message out of the queue before the agent read it.' },
  input_empty: { status: 422, hint: 'Send some text or an attachment.' },
  picture_unreadable: { status: 422, hint: 'Send the picture as PNG, JPEG, GIF or WebP, or send another one.' },
  picture_too_large: { status: 413, hint: 'Send a smaller picture: at most 64 million pixels.' },
  dialog_unknown: { status: 404, hint: 'Reload the session: this prompt is not pending in it.' },
  dialog_late: { status: 409, hint: 'The prompt was answered before or has expired.' },
  dialog_invalid_answer: { status: 422, hint: 'Choose one of the options that the prompt lists.' },
  trigger_unknown: { status: 404, hint: 'Use the id from the message of the child session.' },
  trigger_late: {
    status: 409,
    hint: 'The question was answered before or has expired. Use tell_child to send the child a message.',
  },
  not_linked: {
    status: 403,
    hint: 'Only a parent session and its children can do this. The link between them may have ended.',
  },
  file_invalid: { status: 422, hint: 'The file is not a pi session (JSON lines, the first of type "session").' },
  file_truncated: {
    status: 422,
    hint: 'The file ends in the middle of a line. Copy it again, or use --salvage (`salvage: true`) to leave that line out.',
  },
  file_damaged: {
    status: 422,
    hint: 'Copy the file again, or use --salvage (`salvage: true`): it takes what can be read and lists the rest.',
  },
  file_empty: { status: 422, hint: 'The file has no message to show or to continue. Start a new session.' },
  file_in_use: { status: 409, hint: 'A running session uses this file. Open or fork that session, or end it first.' },
  file_not_found: { status: 404, hint: 'Check the path.' },
  file_exists: { status: 409, hint: 'Choose another name, or replace the file.' },
  file_changed: {
    status: 409,
    hint: 'The file was changed meanwhile. `details` has both versions: compare them, then save again over the current one.',
  },
  range_invalid: { status: 416, hint: 'Ask for a range that lies in the file.' },
  file_denied: { status: 422, hint: 'The account that the runner runs as may not do this with the file.' },
  not_a_file: { status: 422, hint: 'Name a file. Folders, devices, sockets and FIFOs cannot be read or written.' },
  not_a_folder: { status: 422, hint: 'Name a folder.' },
  folder_not_empty: { status: 409, hint: 'Remove what is in the folder first, or delete it with `recursive`.' },
  path_outside: {
    status: 422,
    hint: "Name a path inside of the roots of the runner; a guest, inside of the session's folder. Symbolic links count by where they lead.",
  },
  path_invalid: { status: 422, hint: 'A path has 1 to 4096 bytes, names of at most 255, and no NUL.' },
  other_disk: {
    status: 422,
    hint: 'What lies on another disk cannot be moved in one step. Copy it with a command, then delete it.',
  },
  host_disk_full: { status: 507, hint: 'Free space on the disk of the host.' },
  upload_unknown: {
    status: 404,
    hint: 'The upload has ended, was cancelled, or nothing came for it for a day. Begin it again.',
  },
  search_unknown: { status: 404, hint: 'The search has ended and no request for it came. Search again.' },
  search_invalid: { status: 422, hint: 'Correct the regular expression or the glob, or search for plain text.' },
  too_many_requests: { status: 429, hint: 'Wait for the time in Retry-After, then try again.' },
  too_many_connections: {
    status: 429,
    hint: 'Close other tabs or programs that show it. The connection is retried automatically.',
  },
  too_many_sessions: { status: 429, hint: 'The runner is full. End a session, or raise --max-sessions.' },
  internal: { status: 500, hint: 'This is a bug. The log of the process has the details under the request id.' },
  open_timeout: {
    status: 504,
    hint: 'Remove or repair what the message names, or raise --open-seconds of the runner.',
  },
  wire_mismatch: {
    status: 409,
    hint: 'A host and its relay have to speak the same wire. `pizzapi doctor` and the page say which side to update, and how.',
  },
  runner_failed: { status: 502, hint: 'The runner could not start the session. Its log states the reason.' },
  pi_failed: {
    status: 502,
    hint: 'Run `pizzapi doctor`, or install pi again. The runner tries it again when its files change.',
  },
  unavailable: {
    status: 503,
    hint: 'nats-server cannot be reached. Try again in a few seconds.',
  },
  unconfirmed: {
    status: 503,
    hint: 'It may still be carried out. Sending it again with the same key (Idempotency-Key) is safe: it is carried out at most once.',
  },
  gateway_unreachable: {
    status: 503,
    hint: 'Start the gateway with `npm start`, or name another one with --relay-url.',
  },
  not_a_gateway: {
    status: 502,
    hint: 'Another program answers at this address. Name the gateway with --relay-url.',
  },
  draining: { status: 503, hint: 'The gateway is shutting down. Try again in a few seconds.' },
  host_lost: {
    status: 503,
    hint: 'The runner of this session cannot be reached. Stored events are kept. Send again when it reconnects.',
  },
  rpc_timeout: {
    status: 504,
    hint: 'The host is slow. What was asked for may still take effect. Try again, or ask for less.',
  },
  rpc_busy: { status: 503, hint: 'Too many requests are being answered. Try again in a few seconds.' },
  rpc_cancelled: { status: 499, hint: 'The request was cancelled.' },
  method_unknown: {
    status: 404,
    hint: 'docs/protocol/runner-requests.md lists the requests. A runner of an earlier version lacks some: update the runner.',
  },
  right_missing: {
    status: 403,
    hint: 'The token of this runner does not allow it. Make a token with this right (--allow, or the page), and pair the runner again.',
  },
  exec_unknown: {
    status: 404,
    hint: 'The command has ended and its output was read, or no request for it came for 30 s, or the runner was restarted.',
  },
  git_missing: { status: 503, hint: 'Install git 2.31 or later on the host.' },
  git_no_repository: { status: 404, hint: 'Run `git init` in the folder to have its changes here.' },
  git_outside_roots: {
    status: 403,
    hint: 'The repository reaches out of the roots of the runner. Start the runner with a root (`--root`) that contains the whole repository.',
  },
  git_failed: { status: 422, hint: 'Correct what git names, or run the command in a terminal of the host.' },
  git_needs_terminal: {
    status: 422,
    hint: 'git needs a password, a key or a program that asks. Run the command in a terminal of the host.',
  },
  git_needs_programs: {
    status: 409,
    hint: 'The repository has a filter for the file, which is a program. Send the request with `programs`, or run git in a terminal of the host.',
  },
  git_no_identity: {
    status: 422,
    hint: 'Run `git config --global user.name "Your name"` and `git config --global user.email you@example.com` on the host.',
  },
  git_changed: { status: 409, hint: 'It has changed since it was read, and nothing was done. Load the changes again.' },
  git_conflict: {
    status: 409,
    hint: 'Both sides changed the same lines. Nothing was changed; merge in a terminal of the host, or let the agent merge.',
  },
  git_locked: { status: 409, hint: 'Another git works in this repository. Try again.' },
  worktree_unsaved: {
    status: 409,
    hint: 'Commit or merge the work first, or confirm that it is discarded.',
  },
  worktree_in_use: { status: 409, hint: 'End the session first. Its work stays in the branch.' },
  worktree_unknown: { status: 404, hint: 'The work tree was removed. Load the list again.' },
  exec_failed: { status: 422, hint: 'Check the name of the program and that the runner may start it.' },
  terminal_unknown: {
    status: 404,
    hint: 'The terminal has ended, or it never was there. `pizzapi terminal <runner> --list` lists the terminals.',
  },
  terminal_failed: {
    status: 502,
    hint: 'The host could not start the terminal. The log of its runner states the reason.',
  },
  too_many_terminals: { status: 429, hint: 'End a terminal of this host that is not used any longer.' },
  keyboard_taken: { status: 409, hint: 'Another viewer has the keyboard of this terminal. Take it over to type.' },
  reply_too_large: { status: 502, hint: 'Ask for less at once: fewer entries, or a smaller part.' },
  runner_timeout: {
    status: 504,
    hint: 'The runner did not answer in time. The session may still appear in the list.',
  },
  unknown: {
    status: 502,
    hint: 'The process stopped during this command. Check whether it took effect before you send it again.',
  },
  pi_not_found: {
    status: 503,
    hint: 'Set PIZZAPI_PI or --pi to the program `pi`, to the folder of its package, or to `bundled`.',
  },
  pi_unusable: { status: 503, hint: '`pizzapi pi` shows which pi sessions run on.' },
  pi_too_old: {
    status: 503,
    hint: 'Update it: npm install -g --ignore-scripts @earendil-works/pi-coding-agent. Or set PIZZAPI_PI to `bundled`.',
  },
  pi_node_too_old: {
    status: 503,
    hint: 'Fetch a Node for it with `pizzapi pi install-node`, or install Node 22.19 or newer. Or set PIZZAPI_PI to `bundled`.',
  },
  pi_untested: {
    status: 503,
    hint: 'Sessions run on it all the same. Set PIZZAPI_PI to `bundled` when they fail.',
  },
  node_fetch_failed: { status: 503, hint: 'Install Node 22.19 or newer yourself, or try again.' },
  nats_unreachable: { status: 503, hint: 'Check that nats-server runs, PIZZAPI_NATS_URL and the credentials.' },
  nats_unauthorized: {
    status: 503,
    hint: 'nats-server refused the credentials. Check PIZZAPI_NATS_USER and PIZZAPI_NATS_PASSWORD.',
  },
  nats_not_served: {
    status: 404,
    hint: 'This gateway does not pass on connections to nats-server. Set PIZZAPI_NATS_WEBSOCKET_URL at the gateway, or give the runner the address of nats-server with --nats-url.',
  },
  certificate_untrusted: {
    status: 503,
    hint: 'If the certificate is signed by an authority of your own, set PIZZAPI_CA to a PEM file with the certificate of this authority.',
  },
  certificate_invalid: {
    status: 503,
    hint: 'Use the host name that the certificate is for, or renew the certificate on the server.',
  },
  nats_too_old: { status: 503, hint: 'Install nats-server 2.11 or newer.' },
  nats_server_not_found: {
    status: 503,
    hint: 'Install nats-server 2.11 or newer, or set PIZZAPI_NATS_SERVER to its path.',
  },
  nats_start_failed: { status: 503, hint: 'The end of the log states the reason.' },
  store_in_use: {
    status: 503,
    hint: 'Another PizzaPi runs with the same home. Stop it, or choose another home with --home.',
  },
  home_unusable: {
    status: 503,
    hint: 'Make the home writable, or choose another one with --home.',
  },
  stream_drift: {
    status: 503,
    hint: 'A stream or bucket differs from what PizzaPi needs. Change the field that the message names.',
  },
  not_provisioned: { status: 503, hint: 'Streams are missing. Start `pizzapi local`, or run the provisioner once.' },
  partitions_differ: {
    status: 503,
    hint: 'Set PIZZAPI_PARTITIONS of every service to the number that the deployment has. `pizzapi migrate --partitions` changes it.',
  },
  services_running: {
    status: 409,
    hint: 'Stop every gateway, projector and authenticator of the deployment first, and run the command again.',
  },
  partitions_moving: {
    status: 503,
    hint: 'The log moves to another number of partitions. Run `pizzapi migrate --partitions` to the end, then start the services.',
  },
  partitions_unmapped: {
    status: 503,
    hint: 'Write the accounts of nats-server for this number of partitions, on every server of the cluster: docs/guides/partitions.md.',
  },
  backup_invalid: {
    status: 422,
    hint: 'Use another copy of the backup, or an older one.',
  },
  session_running: { status: 409, hint: 'End the session first: `pizzapi kill`.' },
  backup_differs: {
    status: 409,
    hint: 'Choose an empty folder: the folder holds the backup of another log, and offsets of one log mean nothing in another.',
  },
  store_not_empty: {
    status: 409,
    hint: 'A backup is restored into an empty installation only. Choose a nats-server or a home without sessions and accounts.',
  },
  restore_unfinished: {
    status: 503,
    hint: 'Run `pizzapi restore` to the end, then start the services.',
  },
  not_built: { status: 503, hint: 'Build the project once with `npm run build`.' },
  relay_not_included: {
    status: 503,
    hint: 'This package hosts sessions for a relay: `pizzapi runner`. Run a relay from a checkout of the project with `npm start`.',
  },
  no_service_manager: {
    status: 503,
    hint: 'Run `pizzapi runner` in a terminal that stays open (tmux), from the service manager of this machine, or as the command of a container.',
  },
  service_failed: {
    status: 502,
    hint: 'Read the message of the service manager, then run the command again. `pizzapi runner` runs without a service.',
  },
  start_failed: { status: 503, hint: 'Read the log that the message names. `pizzapi doctor` checks the requirements.' },
  start_stopped: { status: 503, hint: 'Run the command again to start.' },
  port_in_use: {
    status: 503,
    hint: 'Another program uses the port. Choose another one with --port (nats-server: --nats-port).',
  },
  storage_full: {
    status: 507,
    hint: 'Delete unused sessions, or ask the operator of this gateway for more storage.',
  },
  disk_full: {
    status: 507,
    hint: 'Free space on this disk. `pizzapi local` then restarts its nats-server by itself; restart another one by hand. Nothing that was confirmed is lost.',
  },
  disk_low: { status: 507, hint: 'Free space on the disk of the host: its sessions write there.' },
  clock_off: { status: 503, hint: 'Set the clock of the host, best by NTP: times of events and expiries are wrong.' },
  version_old: { status: 503, hint: 'Update the host with the line that **Add a host** in the page shows.' },
  spool_waiting: {
    status: 503,
    hint: 'They are sent when nats-server takes them: check the connection and the storage.',
  },
  keys_missing: { status: 503, hint: 'Add a key in pi (`/login`) on the host, or use demo/demo.' },
  spool_full: {
    status: 503,
    hint: 'The disk spool is full. The session continues when nats-server can be reached again.',
  },
  fenced: { status: 409, hint: 'Another runner owns this session now. This one has stopped.' },
} as const satisfies Record<string, { status: number; hint: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** The codes, in the table's order. */
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

/** True for a string that is one of our codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}
