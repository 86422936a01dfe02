import { CodedError, type FILE_CHANGE_METHODS, type FILE_METHODS } from '@pizzapi/protocol';
import type { RunnerHandlers } from './dispatcher.js';

type FileMethod = keyof typeof FILE_METHODS | keyof typeof FILE_CHANGE_METHODS;

const later = (): never => {
  throw new CodedError('method_unknown', 'This runner does not serve files yet');
};

/** What a runner answers about the files of its host. */
export function fileHandlers(): Pick<RunnerHandlers, FileMethod> {
  return {
    list_files: later,
    find_paths: later,
    read_file: later,
    search_files: later,
    search_more: later,
    search_cancel: later,
    watch_folders: later,
    write_file: later,
    create_file: later,
    make_folder: later,
    move_file: later,
    delete_file: later,
    upload_begin: later,
    upload_write: later,
    upload_state: later,
    upload_finish: later,
    upload_cancel: later,
  };
}
