import type { SessionInfo } from '@pizzapi/protocol';
import { session } from './lists.js';
import { failed, ok } from './responses.js';
import type { Scene } from './scene.js';

export const MODEL_GONE_SESSIONS: readonly SessionInfo[] = [
  session('model-gone', { name: 'Write the release notes', model: 'openai/gpt-4-0314' }, 1),
];

/** A session whose model is not there any more, until a person chooses another one. */
export function modelGone(): Scene {
  const model = { provider: 'openai', id: 'gpt-4-0314', problem: 'model_unknown' };
  const at = Date.now() - 60_000;
  const message = { role: 'assistant', content: [{ type: 'text', text: 'The release notes are written.' }] };
  let isGone = true;
  return {
    events: [{ type: 'message_end', at, messageId: 'a1', entryId: 'a1', message }],
    meta: { model },
    respond(sent) {
      if (sent.name === 'input' && isGone) {
        return [failed(sent, 'model_unknown', 'There is no model "openai/gpt-4-0314". Choose a model.')];
      }
      if (sent.name !== 'model_set') return undefined;
      isGone = false;
      const [provider = '', ...id] = String(sent.args['model']).split('/');
      return [{ type: 'model_changed', at: Date.now(), model: { provider, id: id.join('/') } }, ok(sent)];
    },
  };
}
