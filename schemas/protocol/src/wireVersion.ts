/**
 * The history of the wire. A change to a schema changes the hash, and `wireVersion.test.ts` fails until a line is added
 * here. An addition keeps the version. A change that can break a reader of the last line raises the version. After a
 * change run `node schemas/protocol/emit.mjs`, which also prints the hash.
 */
export const WIRE_HISTORY = [
  { version: 1, hash: 'e55bdfae23d5906d', what: 'The first wire.' },
  {
    version: 1,
    hash: '3a4089f8328decf4',
    what: 'Added: bodies about accounts, keys, pairing, share links and the audit log.',
  },
  {
    version: 1,
    hash: '073052940792f280',
    what: 'Added: linked sessions, notifications, the frame `visible`, options of pi, prompts that dialogs name, short addresses.',
  },
  {
    version: 1,
    hash: '9e0419d583f7b621',
    what: 'Added: share links with approval, work started by guests and its end with their link, approvals among the options of a session, storage use and limits, sizes of logs, the page token.',
  },
  {
    version: 1,
    hash: '97aa2498d87522d2',
    what: 'Added: `salvage` for a session that continues a damaged file of pi, `key` in `input` and `command`, `keys` in `hello`, `commandId` in errors, the queue as a list that people change (`items` of `queue_update`, `input_edited`, the commands `queue_…`), `queue` of `abort`, `by` of `input_dropped`.',
  },
  {
    version: 1,
    hash: '8a0d58e41eae0207',
    what: 'Added: `origin` of `message_start` and `message_end`, `about` of `input_received`, `run_interrupted`, `interrupted` in the rows of sessions, `waitsUntil` of triggers; the modes of a session: `approvals_changed`, `approvals` of the meta state and of a runner, `modes` of a session in lists, the commands `set_plan_mode`, `set_approvals` and `set_goal`, `approvals`, `planMode` and `goal` of a new session; the reply to a request that forgets a runner; sharing a session with an account (`shared` of a session, `person` of a share, `signedIn` of an author and in presence), invitations, short addresses that live as long as their link, links for another device, addresses for other devices, the token of a share link beside another credential.',
  },
  {
    version: 1,
    hash: 'f7a80fe55369a443',
    what: 'Added: `pi` of `runner_started`, `session_started` and `session_resumed`, and in the rows of runners and sessions; the runner event `pi_changed`; the thinking level `max`; `problem` of a model; `parentToolCallId` of `tool_execution_start` and `tool_execution_end`; `approve` and `noApprove` among the options of a session.',
  },
  {
    version: 1,
    hash: '54d5b0ec4d495c55',
    what: 'Added: pages of the list of sessions: the query and `cursor` of `GET /api/sessions`, `cursor` of the frame `sessions`; `natsUrls` of a new key and of a pairing: the addresses of nats-server, also over WebSocket; `wire` of `runner_started` and of a runner in lists, `relay` of an account, the verb `relay` of the host API.',
  },
  {
    version: 1,
    hash: '1448244d0c21c78b',
    what: 'Added: the table of requests to a runner (`runner-requests.json`): `ping`, `list_models`, `restart`, `shutdown`, `exec`, `exec_output`, `exec_input`, `exec_kill`; `details` of an error; `allow` of `runner_started` and of a runner in lists; sign-in through an issuer: `passwords` and `issuer` of the ways to sign in, the bodies of `/api/auth/oidc`, `issuer` of an account, `throughIssuer` of a sign-in, `identity`, `hasPassword` and `disabledByIssuer` of a user; `traceparent` and `tracestate` of `input` and `command`; the reply of `GET /api/top`, and `load` in the status of a runner; erasure: the body and the reply of `POST /api/purge`, `erased` in a refusal of the host API, the event `recent_folders_changed` of a runner; `retention` of an account, and a change of an account without `disabled`; `allow` of runner tokens and of pairing; `files` of share links; the runner event `runner_warning_cleared`; a model as its two parts in a new session; `shareUrl`, `sessionName`, `isEphemeral`, `isActive`, `lastHeartbeatAt`, `modelInfo` and `runnerName` of a session, `sessionCount` and `serviceIds` of a runner, in answers over HTTP.',
  },
  {
    version: 1,
    hash: '0d575290fe2a287c',
    what: 'A reader of a session in a list accepts its model as a text or as `ModelInfo`. Added: the requests to a runner about terminals, files, git, the changes of a session and its work tree; the frames of a terminal; `files` of `hello`; `worktree` of a new session; `git` of `runner_started` and of a runner in lists.',
  },
  {
    version: 1,
    hash: 'c498c75cd554dde5',
    what: 'Gateways send the model of a session as `ModelInfo`, in answers and frames; `modelInfo` stays beside it for one release. Added: `viewerCount`, `userName` and `expiresAt` of a session in lists; `skills`, `agents`, `plugins`, `hooks`, `panels` and `triggerDefs` of a runner in lists, the first three in `runner_started`; the runner event `resources_changed`; `attachmentId`, `filename` and `url` of attachments, and in the answer to an upload.',
  },
  {
    version: 1,
    hash: 'a5a911ef992fd5c0',
    what: 'Added: the requests to a runner `git_stage_hunk`, `git_unstage_hunk` and `read_log`; the reply of `POST /api/runners/:rid/files/tickets`.',
  },
] as const;
