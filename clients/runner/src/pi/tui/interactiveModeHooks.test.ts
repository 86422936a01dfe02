import { InteractiveMode } from '@mariozechner/pi-coding-agent';
import { expect, it } from 'vitest';
import { unavailableText } from './index.js';
import { missingMethods } from './interactiveModeHooks.js';

it('the interactive mode of pi has every method that /share needs, and one without them is named', () => {
  expect(missingMethods(InteractiveMode.prototype)).toEqual([]);
  const missing = missingMethods({ handleShareCommand: () => undefined, createExtensionUIContext: 'no function' });
  expect(missing).toEqual(['createExtensionUIContext', 'emergencyTerminalExit', 'unregisterSignalHandlers']);
  expect(unavailableText(missing)).toMatch(/^\/share is not available with pi \d.*createExtensionUIContext.*--pi/);
});
