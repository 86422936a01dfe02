import { afterEach, describe, expect, it, vi } from 'vitest';
import { hasReference, resolveReferences } from './configValues.js';

afterEach(() => void vi.unstubAllEnvs());

describe('a value of a key or a header', () => {
  it.each([
    ['$OFFICE_KEY', 'sk-1'],
    ['${OFFICE_KEY}', 'sk-1'],
    ['Bearer ${OFFICE_KEY}-$OFFICE_TEAM', 'Bearer sk-1-blue'],
    ['$OFFICE_KEY$$', 'sk-1$'],
    ['$!ls', '!ls'],
    ['$$OFFICE_KEY', '$OFFICE_KEY'],
    ['${not a name} ${no $OFFICE_KEY}', '${not a name} ${no $OFFICE_KEY}'],
  ])('%s is what pi 1.x reads', (value, expected) => {
    vi.stubEnv('OFFICE_KEY', 'sk-1');
    vi.stubEnv('OFFICE_TEAM', 'blue');
    expect(hasReference(value)).toBe(true);
    expect(resolveReferences(value)).toEqual({ kind: 'resolved', value: expected });
  });

  it.each(['sk-1', 'OFFICE_KEY', '!echo $OFFICE_KEY', '5$', '$', '${'])('%s is left to pi', (value) => {
    expect(hasReference(value)).toBe(false);
  });

  it('names each variable that is not set, or empty', () => {
    vi.stubEnv('OFFICE_EMPTY', '');
    expect(resolveReferences('$OFFICE_NONE $OFFICE_EMPTY $OFFICE_NONE')).toEqual({
      kind: 'unset',
      names: ['OFFICE_NONE', 'OFFICE_EMPTY'],
    });
  });

  it('prefers a variable of its own', () => {
    vi.stubEnv('OFFICE_KEY', 'sk-1');
    expect(resolveReferences('$OFFICE_KEY', { OFFICE_KEY: 'own' })).toEqual({ kind: 'resolved', value: 'own' });
  });
});
