/** Errors as the server words them: `Failing row contains (…)` prints the stored row (DESIGN 5.6). */
import { vi } from 'vitest';
import { expectCaught } from './mutant.js';

vi.mock(import('../../../src/guard/errors.js'), async (original) => ({
  ...(await original()),
  scrubError: (frame: Buffer) => frame,
}));

expectCaught('errors that are passed on as the server words them', 'support');
