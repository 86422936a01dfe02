import { defaultMetaState, pendingPrompts, type ApprovalPrompt } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { approvalCall, wholeAnswer } from './promptForms.js';
import { diffOf } from './tools.js';

it('the call that needs an approval is shown like any call: with its diff', () => {
  const edits = JSON.stringify([{ oldText: 'a', newText: 'b' }]);
  const asked = (text: string) => {
    const fields = [
      { key: 'path', label: 'path', value: 'x.ts' },
      { key: 'edits', label: 'edits', value: text },
    ];
    const pendingApproval = { promptId: 'v1', title: 'Allow?', toolName: 'edit', fields };
    return pendingPrompts({ ...defaultMetaState(), pendingApproval })[0] as ApprovalPrompt;
  };
  expect(diffOf(approvalCall(asked(edits)))).toMatchObject({ added: 1, removed: 1 });
  expect(approvalCall(asked(`${edits.slice(0, 9)}…`)).args).toMatchObject({ edits: '[{"oldTex…' });
});

it('an answer to several questions is whole once each has one; words count before a choice', () => {
  expect(wholeAnswer([{ choice: 'A', words: '' }, { words: ' ' }])).toBeUndefined();
  expect(wholeAnswer([{ choice: 'A', words: 'C' }, { words: ' d ' }])).toEqual(['C', 'd']);
});
