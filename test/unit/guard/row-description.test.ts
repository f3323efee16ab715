import { expect, test } from 'vitest';
import { findForbiddenField } from '../../../src/guard/row-description.js';
import { emptyFacts } from '../../../src/enforce/empty-facts.js';
import { encodeBackend } from '../../../src/wire/backend-message.js';

const field = (tableOid: number, attnum: number) => ({
  name: 'x',
  tableOid,
  attnum,
  typeOid: 25,
  typeSize: -1,
  typmod: -1,
  format: 0,
});
const frame = (...fields: ReturnType<typeof field>[]) => encodeBackend({ kind: 'row-description', fields });
const facts = { ...emptyFacts('SELECT'), forbiddenFields: new Set(['4000000000:3']) };

test('a forbidden base column is found among others, with an OID beyond 2^31', () => {
  expect(findForbiddenField(frame(field(0, 0), field(5, 3), field(4_000_000_000, 3)), facts)).toEqual({
    table: 4_000_000_000,
    column: 3,
  });
});

test('computed fields, other columns and other tables pass', () => {
  expect(findForbiddenField(frame(field(0, 3), field(4_000_000_000, 2), field(7, 3)), facts)).toBeUndefined();
});
