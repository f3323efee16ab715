import { describe, expect, it } from 'vitest';
import { CHAIN_START, seal } from '../../../src/audit/chain.js';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import { checkEvent } from '../../../src/audit/verify/check-event.js';
import { statement, success } from './samples.js';

const event = seal(
  statementEvent(eventSource('i1', '0'), 'u', 1, statement({ tags: { action: 'x' } }), success),
  1,
  CHAIN_START,
).json;
describe('a stored event by itself', () => {
  it.each([
    ['objects', '{"a":', '}'],
    ['lists', '[', ']'],
  ])('stops no verification by %s nested without an end', (_, open, close) => {
    const nested = `${open.repeat(200_000)}1${close.repeat(200_000)}`;
    const text = event.replace('"tags":{"action":"x"}', `"tags":${nested}`);
    const check = checkEvent(Buffer.from(text));
    expect('differs' in check ? check.differs : check.message).toMatch(/changed|nested deeper/);
  });
});
