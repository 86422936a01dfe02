import type { ExtensionFactory } from '@mariozechner/pi-coding-agent';
import type { SessionEvent } from '@pizzapi/protocol';
import { modelName, toMetaModel, type PiModel } from './models.js';

/** What pi tells its extensions only: a small extension of our own that passes it on. */
export function forwardExtensionEvents(
  emit: (event: SessionEvent) => void,
  authSourceOf: (model: PiModel) => string | null,
): ExtensionFactory {
  return (pi) => {
    pi.on('model_select', ({ model, previousModel, source }) => {
      const at = Date.now();
      const previous = previousModel === undefined ? {} : { previousModel: modelName(previousModel) };
      emit({ type: 'model_select', at, model: modelName(model), ...previous, source });
      emit({ type: 'model_changed', at, model: toMetaModel(model as PiModel) });
      emit({ type: 'auth_source_changed', at, source: authSourceOf(model as PiModel) });
    });
    pi.on('session_tree', ({ newLeafId, oldLeafId }) => {
      emit({ type: 'session_tree', at: Date.now(), newLeafId, oldLeafId });
    });
  };
}
