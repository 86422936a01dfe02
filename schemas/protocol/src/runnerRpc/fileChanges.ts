import Type, { type Static } from 'typebox';
import { FilePath, pathText } from './filePaths.js';
import { FileFacts, FileVersion } from './files.js';
import {
  Base64Page,
  MAX_CALL_MS,
  method,
  PAGE_MESSAGE_BYTES,
  reply,
  request,
  SessionRef,
  type AuditedChange,
} from './method.js';

/**
 * Changes of files of a host. Guests cannot send them. `ifVersion` is the version that the person has read: when the file is another
 * one by now the request is refused with `file_changed`, whose `details` are a `FileConflict`.
 */

/** Bytes of one uploaded file. */
export const MAX_UPLOAD_BYTES = 2 * 1024 ** 3;
/** Uploads of a host that have begun and not ended. */
export const MAX_UPLOADS = 64;
/** An upload for which nothing came for so long is removed, in ms. */
export const UPLOAD_ABANDONED_MS = 24 * 60 * 60_000;

/** `details` of `file_changed`: the version that the request names, and what is there now. */
export const FileConflict = Type.Object({
  asked: Type.String(),
  /** Null: the file was removed. */
  current: Type.Union([FileFacts, Type.Null()]),
});
export type FileConflict = Static<typeof FileConflict>;

const Of = { sessionId: Type.Optional(SessionRef) };
const UploadId = Type.String({ pattern: '^upload_[a-z2-7]{20}$' });
const Size = Type.Integer({ minimum: 0, maximum: MAX_UPLOAD_BYTES });
const If = { ifVersion: Type.Optional(FileVersion) };

type OfPath = { path: FilePath; sessionId?: string };
const changed = ({ path, sessionId }: OfPath): AuditedChange => ({
  path: pathText(path),
  ...(sessionId === undefined ? {} : { sessionId }),
});

const write = { right: 'files:write', timeoutMs: MAX_CALL_MS } as const;
const part = { kind: 'part' } as const;

export const FILE_CHANGE_METHODS = {
  write_file: method({
    ...write,
    summary: 'Replaces the content of a file, or makes the file',
    request: request({ ...Of, path: FilePath, content: Base64Page, ...If }),
    reply: FileFacts,
    maxRequestBytes: PAGE_MESSAGE_BYTES,
    changes: { kind: 'audited', did: 'wrote a file', what: changed },
  }),
  create_file: method({
    ...write,
    summary: 'Makes a file that does not exist yet',
    request: request({ ...Of, path: FilePath, content: Type.Optional(Base64Page) }),
    reply: FileFacts,
    maxRequestBytes: PAGE_MESSAGE_BYTES,
    changes: { kind: 'audited', did: 'created a file', what: changed },
  }),
  make_folder: method({
    ...write,
    summary: 'Makes a folder, with `parents` also those above it',
    request: request({ ...Of, path: FilePath, parents: Type.Optional(Type.Boolean()) }),
    reply: FileFacts,
    changes: { kind: 'audited', did: 'made a folder', what: changed },
  }),
  move_file: method({
    ...write,
    summary: 'Moves or renames a file or a folder; never over what exists',
    request: request({ ...Of, path: FilePath, to: FilePath, ...If }),
    reply: reply({ path: Type.String() }),
    changes: {
      kind: 'audited',
      did: 'moved a file',
      what: (asked) => ({ ...changed(asked), to: pathText(asked.to) }),
    },
  }),
  delete_file: method({
    ...write,
    summary: 'Moves a file or a folder to the trash of the desktop, or removes it on a host without one',
    request: request({
      ...Of,
      path: FilePath,
      ...If,
      /** Needed for a folder that is not empty and does not go to the trash. */
      recursive: Type.Optional(Type.Boolean()),
      /** Never to the trash. */
      permanently: Type.Optional(Type.Boolean()),
    }),
    /** `trashed`: it lies in the trash. */
    reply: reply({ trashed: Type.Boolean() }),
    changes: { kind: 'audited', did: 'deleted a file', what: changed },
  }),
  upload_begin: method({
    ...write,
    summary: 'Begins an upload: the file appears when all of it has arrived',
    request: request({
      ...Of,
      path: FilePath,
      size: Size,
      /** Replace this version of the file. */
      ...If,
      /** Replace what is there. Without it and without `ifVersion`, what exists is refused. */
      overwrite: Type.Optional(Type.Boolean()),
    }),
    reply: reply({ uploadId: UploadId, received: Size, path: Type.String() }),
    changes: { kind: 'audited', did: 'uploaded a file', what: changed },
  }),
  upload_write: method({
    ...write,
    summary: 'Sends a part of an upload',
    request: request({
      uploadId: UploadId,
      /** Where the part begins. What was received already is skipped, so that a part may be sent again. */
      offset: Size,
      content: Base64Page,
    }),
    /** How many bytes have arrived, without a gap. */
    reply: reply({ received: Size }),
    maxRequestBytes: PAGE_MESSAGE_BYTES,
    changes: part,
  }),
  upload_state: method({
    ...write,
    summary: 'How much of an upload has arrived',
    request: request({ uploadId: UploadId }),
    reply: reply({ received: Size, size: Size, path: Type.String() }),
    changes: { kind: 'no' },
  }),
  upload_finish: method({
    ...write,
    summary: 'Puts an upload of which all has arrived in its place',
    request: request({ uploadId: UploadId }),
    reply: FileFacts,
    changes: part,
  }),
  upload_cancel: method({
    ...write,
    summary: 'Removes an upload that has not ended',
    request: request({ uploadId: UploadId }),
    reply: reply({}),
    changes: part,
    urgent: true,
  }),
};
