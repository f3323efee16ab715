import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorsDocument } from '../../../scripts/errors-doc.js';
import { errorCatalog, errorEntry, type ErrorCode } from '../../../src/errors/catalog.js';

const codes = Object.keys(errorCatalog) as ErrorCode[];

describe('the error table', () => {
  it('is what docs/errors.md lists (npx tsx scripts/errors-doc.ts)', () => {
    expect(readFileSync('docs/errors.md', 'utf8')).toBe(errorsDocument());
  });

  it.each([
    ['session-unmatched', '28000'],
    ['upstream-unreachable', '08006'],
    ['protocol-violation', '08P01'],
    ['shutting-down', '57P01'],
    ['audit-unavailable', '57P03'],
    ['too-many-connections', '53300'],
    ['relation-denied', '42501'],
    ['internal-bug', 'XX000'],
  ] as const)('%s answers with SQLSTATE %s, as SPEC 5 promises', (code, sqlstate) => {
    expect(errorEntry(code).sqlstate).toBe(sqlstate);
  });

  it.each(codes)(
    '%s has a well-formed SQLSTATE, a metric label and a sentence that says what to do',
    (code) => {
      const entry = errorEntry(code);
      expect(entry.sqlstate).toMatch(/^[0-9A-Z]{5}$/);
      expect(entry.reason).toMatch(/^[a-z_]+$/);
      expect(entry.recovery).toMatch(/^[a-z].*[^.]$/);
      expect(entry.severity === 'FATAL' || entry.audit === 'refused').toBe(true);
    },
  );
});
