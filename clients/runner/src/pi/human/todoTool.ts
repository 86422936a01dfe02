import { isMap, isSessionEvent, type MetaTodoItem } from '@pizzapi/protocol';
import Type from 'typebox';
import { MAX_TODOS, todoText, toTodoList } from '../../human/todos.js';
import { lastKept, says, type FeatureDeps, type Restoring } from './feature.js';
import { stringEnum } from './stringEnum.js';
import { inWords } from '../terminal/toolWording.js';

const ENTRY = 'pizzapi.todo';

const Parameters = Type.Object({
  todos: Type.Optional(
    Type.Array(
      Type.Object({
        id: Type.Optional(Type.Integer({ minimum: 1 })),
        text: Type.String({ minLength: 1 }),
        status: Type.Optional(stringEnum(['pending', 'in_progress', 'done', 'cancelled'])),
      }),
      { maxItems: MAX_TODOS, description: 'The whole list as it is to be. Leave it out to read the list' },
    ),
  ),
});

/** `todo`: the agent's list, seen by everybody who watches; it is part of the story, and so of its branches and forks. */
export function todoTool({ pi, emit }: FeatureDeps): Restoring {
  let list: MetaTodoItem[] = [];
  const show = (next: MetaTodoItem[]) => {
    if (JSON.stringify(next) === JSON.stringify(list)) return false;
    list = next;
    emit({ type: 'todo_updated', at: Date.now(), todoList: list });
    return true;
  };
  pi.registerTool({
    name: 'todo',
    ...inWords('todo'),
    label: 'To-do list',
    description:
      'Keeps the to-do list of this session, which the person sees. Give the whole list each time you change it: what ' +
      'is done, the one thing you do now (in_progress), what is left.',
    promptSnippet: 'Keep a to-do list that the person sees',
    parameters: Parameters,
    executionMode: 'sequential',
    execute: async (_toolCallId, { todos }) => {
      if (todos !== undefined && show(toTodoList(todos))) pi.appendEntry(ENTRY, { todoList: list });
      return says(todoText(list));
    },
  });
  return {
    restore(entries) {
      const kept = lastKept(entries, ENTRY);
      const event: unknown = { type: 'todo_updated', at: 0, ...(isMap(kept) ? kept : {}) };
      show(isSessionEvent(event) && event.type === 'todo_updated' ? event.todoList : []);
    },
  };
}
