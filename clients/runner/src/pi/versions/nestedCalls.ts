/**
 * The call during which a tool made this call. The tools of pi 1.x can call others, and their events name the call that
 * they belong to. Those of pi 0.73 cannot.
 */
export function parentOf(event: object): { parentToolCallId?: string } {
  const parent: unknown = Reflect.get(event, 'parentToolCallId');
  return typeof parent === 'string' ? { parentToolCallId: parent } : {};
}
