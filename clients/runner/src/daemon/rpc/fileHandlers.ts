import type { FILE_CHANGE_METHODS, FILE_METHODS } from '@pizzapi/protocol';
import type { HostFiles } from '../files/hostFiles.js';
import type { RunnerHandlers } from './dispatcher.js';

export interface FileDeps {
  files: HostFiles;
}

type FileMethod = keyof typeof FILE_METHODS | keyof typeof FILE_CHANGE_METHODS;

/** What a runner answers about the files of its host. */
export function fileHandlers({ files }: FileDeps): Pick<RunnerHandlers, FileMethod> {
  const { uploads } = files;
  return {
    list_files: (request, call) => files.list(request, call),
    find_paths: (request, call) => files.find(request, call),
    read_file: (request, call) => files.read(request, call),
    search_files: (request, call) => files.search(request, call),
    search_more: (request, call) => files.searchMore(request, call),
    search_cancel: (request, call) => {
      files.cancelSearch(request, call);
      return {};
    },
    watch_folders: (request, call) => files.watch(request, call),
    write_file: (request, call) => files.write(request, call),
    create_file: (request, call) => files.create(request, call),
    make_folder: (request, call) => files.makeFolder(request, call),
    move_file: (request, call) => files.move(request, call),
    delete_file: (request, call) => files.remove(request, call),
    upload_begin: (request, call) => files.beginUpload(request, call),
    upload_write: (request, { userId }) => uploads.write(request, userId),
    upload_state: ({ uploadId }, { userId }) => uploads.state(uploadId, userId),
    upload_finish: (request, call) => files.finishUpload(request, call),
    upload_cancel: async ({ uploadId }, { userId }) => {
      await uploads.cancel(uploadId, userId);
      return {};
    },
  };
}
