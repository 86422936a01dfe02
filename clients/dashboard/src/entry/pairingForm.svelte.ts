import type { PairInfo } from '@pizzapi/protocol';
import { allowOf, type RightPreset } from '../hosts/rightPresets.js';
import { api } from '../state/client.js';
import { PAIR_CODE_CHARS, pairCode } from '../model/route.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';

/** A program that asks for a key: the code that names it, what it wants, and what the person says to that. */
export class PairingForm {
  code = $state('');
  info = $state.raw<PairInfo>();
  /** What a runner token may allow at most. */
  rights = $state<RightPreset>('everything');
  answer = $state<'approved' | 'denied'>();
  readonly submission = new FormSubmission();
  readonly complete = $derived(this.code.replace('-', '').length === PAIR_CODE_CHARS);

  constructor(code: string) {
    this.code = pairCode(code);
    if (this.complete) void this.look();
  }

  type(text: string): void {
    this.code = pairCode(text);
    this.submission.edited();
  }

  /** Asks what stands behind the code. */
  async look(): Promise<void> {
    if (!this.complete) return;
    const { code } = this;
    const found = await this.submission.send(() => api.pair(code));
    this.info = found?.value;
  }

  async decide(answer: 'approved' | 'denied'): Promise<void> {
    const { code } = this;
    const rights = this.info?.kind === 'runner' ? allowOf(this.rights) : {};
    const send = () => (answer === 'approved' ? api.approvePair(code, rights) : api.denyPair(code));
    if ((await this.submission.send(send)) !== undefined) this.answer = answer;
  }

  /** Back to an empty field. */
  restart(): void {
    this.code = '';
    this.info = this.answer = undefined;
    this.submission.edited();
  }
}
