import type { MetaTodoItem } from '@pizzapi/protocol';

/** A to-do as the model writes it: it gives the whole list each time, and ids only where it refers to one. */
export interface TodoInput {
  id?: number;
  text: string;
  status?: MetaTodoItem['status'];
}

/** Items of a list; a longer one is a plan gone wrong. */
export const MAX_TODOS = 200;

/** The list with an id for every item: the one it has, unless another has it already, else the next free one. */
export function toTodoList(items: readonly TodoInput[]): MetaTodoItem[] {
  const taken = new Set<number>();
  let free = Math.max(0, ...items.map(({ id }) => id ?? 0));
  return items.map(({ id, text, status = 'pending' }) => {
    const own = id === undefined || taken.has(id) ? ++free : id;
    taken.add(own);
    return { id: own, text, status };
  });
}

const MARKS: Readonly<Record<MetaTodoItem['status'], string>> = {
  pending: '[ ]',
  in_progress: '[~]',
  done: '[x]',
  cancelled: '[-]',
};

/** What the model reads. */
export function todoText(list: readonly MetaTodoItem[]): string {
  if (list.length === 0) return 'The list is empty.';
  return list.map(({ id, text, status }) => `${MARKS[status]} ${id}. ${text}`).join('\n');
}
