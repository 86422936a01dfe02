/** The files of the scripted host, from the folder of its sessions. */
const FILES = [
  ...['clients/session-client/src/resume.ts', 'clients/session-client/src/session.ts', 'docs/protocol.md'],
  ...['README.md', 'notes/with a space.md'],
];
const FACTS = { kind: 'file', size: 1_200, modified: Date.now(), version: '1' } as const;
const HOME = '/home/ada/code/pizzapi/';

/** What a request about the names of files is answered with; undefined for any other request. */
export function pathAnswer(path: string, body: Record<string, unknown>): object | undefined {
  const method = /\/rpc\/(\w+)$/.exec(path)?.[1];
  if (method === 'find_paths') {
    const asked = (body['paths'] as string[]).map((one) => one.replace(HOME, '').replace(/^\.\//, ''));
    return { found: asked.map((one) => (FILES.includes(one) ? { ...FACTS, path: HOME + one } : null)) };
  }
  if (method !== 'search_files' || body['in'] !== 'names') return undefined;
  const query = String(body['query']).toLowerCase();
  const isFound = (one: string) => [...query].every((letter) => one.toLowerCase().includes(letter));
  const matches = ['src', ...FILES].filter(isFound).map((one) => ({
    ...{ path: one, kind: one.includes('.') ? 'file' : 'folder', ranges: [] },
  }));
  return { searchId: 'search_aaaaaaaaaaaaaaaaaaaa', matches, by: 'walker' };
}
