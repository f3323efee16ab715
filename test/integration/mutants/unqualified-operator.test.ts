/** A guard whose `=` is looked up by the search path: an operator of the user's own decides about consents (DESIGN 4). */
import { vi } from 'vitest';
import { expectCaught } from './mutant.js';

vi.mock(import('../../../src/rewrite/guard-sql.js'), async (original) => {
  const module = await original();
  const unqualified = (sql: string): string => sql.replaceAll('OPERATOR(pg_catalog.=)', '=');
  return {
    ...module,
    guardSql: (...call) => {
      const { joins, condition } = module.guardSql(...call);
      return { joins: unqualified(joins), condition: unqualified(condition) };
    },
    scalarGuard: (...call) => unqualified(module.scalarGuard(...call)),
  };
});

/** `status = 'given'` now holds of `withdrawn` as well, for everybody whose path begins with this schema. */
const both = `
  CREATE SCHEMA hostile;
  CREATE FUNCTION hostile.eq(text, text) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'text_ge';
  CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.eq);
  GRANT USAGE ON SCHEMA hostile TO PUBLIC;
  DO $$ BEGIN
    EXECUTE format('ALTER ROLE crm_marketing IN DATABASE %I SET search_path = hostile, pg_catalog, public', current_database());
  END $$`;

expectCaught('an unqualified = in the guard', 'marketing', { both });
