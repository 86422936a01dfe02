import { expect, it } from 'vitest';
import {
  isForParent,
  NOTIFICATION_TEXTS,
  notificationOfRun,
  notificationOfSessionEnd,
  unwantedBecause,
} from './notificationRules.js';

it('a completed run is a notification with its last text, a failed one with its error', () => {
  expect(notificationOfRun({ hasBegun: true, status: 'completed', text: 'Done.' })).toEqual({
    kind: 'finished',
    text: 'Done.',
  });
  expect(notificationOfRun({ hasBegun: true, status: 'completed', text: '' })?.text).toBe('The agent is done.');
  const failed = { kind: 'error', text: 'overloaded' };
  expect(notificationOfRun({ hasBegun: true, status: 'failing', text: 'x', error: 'overloaded' })).toEqual(failed);
  expect(notificationOfRun({ hasBegun: true, status: 'failed', text: 'x' })?.text).toBe(
    'The agent could not continue.',
  );
});

it('a run that a person stopped, or that has not ended, is no notification', () => {
  expect(notificationOfRun({ hasBegun: true, status: 'aborted', text: 'I was' })).toBeUndefined();
  expect(notificationOfRun({ hasBegun: true, status: 'working', text: 'I am' })).toBeUndefined();
});

it('a run that the stop of its host has ended is a notification that says how to continue', () => {
  const { kind, text } = notificationOfRun({ hasBegun: true, status: 'interrupted', text: 'I was' })!;
  expect({ kind, text }).toEqual({ kind: 'error', text: NOTIFICATION_TEXTS.interrupted });
});

it('a session that fails is a notification; one that a person ends withdraws that of its run', () => {
  expect(notificationOfSessionEnd('host_lost')).toEqual({ kind: 'error', text: 'Its runner was lost.' });
  expect(notificationOfSessionEnd('error', 'Out of disk')).toEqual({ kind: 'error', text: 'Out of disk' });
  expect(['completed', 'killed', 'expired'].map((reason) => notificationOfSessionEnd(reason))).toEqual([
    'keep',
    'withdraw',
    'withdraw',
  ]);
});

it('a person wants every kind of notification, except those that they turned off and muted sessions', () => {
  const prefs = { agentFinished: false, needsInput: true, error: true, muted: ['s2'] };
  expect(unwantedBecause('finished', 's1', prefs)).toBe('off');
  expect(unwantedBecause('input', 's1', prefs)).toBeUndefined();
  expect(unwantedBecause('input', 's2', prefs)).toBe('muted');
  expect(unwantedBecause('finished', 's1', undefined)).toBeUndefined();
});

it('the parent of a session gets its result; a person gets its prompts and errors', () => {
  const child = { parentSessionId: 's0' };
  expect((['finished', 'input', 'error'] as const).map((kind) => isForParent(kind, child))).toEqual([
    true,
    false,
    false,
  ]);
  expect([isForParent('finished', {}), isForParent('finished', undefined)]).toEqual([false, false]);
});
