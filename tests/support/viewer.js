import { createApi, openSession } from '@pizzapi/session-client';
import WebSocket from 'ws';
import { until } from './until.js';
export function apiOf(stage) {
    return createApi({ url: stage.url, token: stage.token });
}
export function watch(stage, sessionId, options = {}) {
    const session = openSession({ url: stage.url, token: stage.token, sessionId, WebSocket, ...options });
    const events = [];
    session.onEvent((seq, event) => events.push({ seq, event: event }));
    return {
        session,
        events,
        next: (type, ms = 30_000, after = 0) => until(`${type} after ${after}`, () => events.find((entry) => entry.event.type === type && entry.seq > after), ms),
        close: () => session.close(),
    };
}
/** Starts a session with the demo model. Returns its id when the session runs and accepts input. */
export async function newSession(stage, prompt) {
    const reply = await apiOf(stage).createSession({
        cwd: stage.project,
        model: 'demo/demo',
        ...(prompt === undefined ? {} : { prompt }),
    });
    if (reply.kind === 'failed')
        throw new Error(`${reply.error.code}: ${reply.error.message}`);
    const { sessionId } = reply.value;
    await untilHosted(stage, sessionId);
    return sessionId;
}
/** Waits until the gateway sees the worker of a session, because it refuses commands before. */
export async function untilHosted(stage, sid) {
    await until(`the worker of ${sid} is connected`, async () => {
        const reply = await apiOf(stage).session(sid);
        return reply.kind === 'ok' && reply.value.session.host === 'connected';
    });
}
/** Sends input to a session. Throws when it is refused. */
export async function tell(stage, sid, text) {
    const reply = await apiOf(stage).input(sid, { text });
    if (reply.kind === 'failed')
        throw new Error(`${reply.error.code}: ${reply.error.message}`);
}
/** The texts of the messages of one role. */
export const textsOf = (watcher, role) => watcher.session.transcript.items.flatMap((item) => item.kind === 'message' && item.role === role
    ? [item.blocks.map((block) => (block.kind === 'text' ? block.text : '')).join('')]
    : []);
/** Sends a command and waits for its result. */
export async function resultOf(watcher, name, args = {}) {
    const sent = await watcher.session.command(name, args);
    if (sent.kind !== 'accepted')
        throw new Error(JSON.stringify(sent));
    return watcher.session.result(sent.commandId);
}
//# sourceMappingURL=viewer.js.map