import { newId } from '@pizzapi/protocol';
import { bytePath, type BytePath } from './bytePath.js';

/** What a file is written as until it is complete: beside its place, so that it can be put there in one step. */
const SAVE = '.pizzapi-save-';
const UPLOAD = '.pizzapi-upload-';
/** What a folder that is being removed is called. It is shown: after a crash it can be deleted again. */
const REMOVED = '.pizzapi-removed-';

export const saveName = (): BytePath => bytePath(SAVE + newId());
export const uploadName = (uploadId: string): BytePath => bytePath(UPLOAD + uploadId);
export const removedName = (): BytePath => bytePath(REMOVED + newId());

/** True for a file that is not complete yet: no listing shows it. */
export const isOwnTemporary = (name: string): boolean => [SAVE, UPLOAD].some((prefix) => name.startsWith(prefix));
