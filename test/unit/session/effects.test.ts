import { expect, test } from 'vitest';
import { announceEffect, sourceOf } from '../../../src/session/effects.js';
import type { Prepared } from '../../../src/session/prepared.js';
import { emptyFacts } from '../../../src/enforce/empty-facts.js';
import { SessionState } from '../../../src/session/session-state.js';
import { toByteString } from '../../../src/wire/byte-string.js';

const prepared = (command: string, epoch = '1'): Prepared => ({
  text: { auditText: '', shapeId: '', tags: {} },
  command,
  decision: 'forward',
  facts: emptyFacts(command),
  epoch,
  acting: '',
  parse: undefined,
  guard: { passed: false, asked: 0 },
});

test('SQL and protocol mean the same name by the same bytes, and by no others', () => {
  const state = new SessionState({ path: [] });
  // The text "Ã©" has the characters that stand for the bytes of "é" in a byte string.
  const bytesOfE = toByteString('é');
  expect(bytesOfE).toBe('Ã©');
  announceEffect({ kind: 'prepare', name: 'é' }, prepared('SELECT', '1'), state);
  announceEffect({ kind: 'prepare', name: 'Ã©' }, prepared('INSERT', '2'), state);
  expect(state.statements.expected(bytesOfE)?.epoch).toBe('1');
  const source = sourceOf({ ...emptyFacts('EXECUTE'), effect: { kind: 'execute', name: 'é' } }, state, {
    epoch: '1',
    acting: '',
  });
  expect(source.ok).toBe(true);
  announceEffect({ kind: 'deallocate', name: 'é' }, prepared('DEALLOCATE'), state);
  expect(state.statements.expected(bytesOfE)).toBeUndefined();
});
