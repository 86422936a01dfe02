import ClipboardList from '~icons/lucide/clipboard-list';
import ShieldQuestionMark from '~icons/lucide/shield-question-mark';
import Target from '~icons/lucide/target';
import type { SessionMode } from '@pizzapi/protocol';

/** The sign and the colour of each mode. */
export const MODE_LOOKS = {
  plan: { Icon: ClipboardList, colour: 'text-violet' },
  approvals: { Icon: ShieldQuestionMark, colour: 'text-amber' },
  goal: { Icon: Target, colour: 'text-blue' },
} as const satisfies Record<SessionMode, object>;
