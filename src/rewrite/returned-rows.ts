/** What RETURNING calls the rows of a write (PostgreSQL 18: OLD and NEW, or the names that WITH gives them). */
import type { WriteStatement } from './write-context.js';

/** FAIL-CLOSED: `old` and `new` too where WITH renames them; then the server does not know them. */
export function returnedRowNames({ node }: WriteStatement): ReadonlySet<string> {
  const names = new Set(['old', 'new']);
  for (const option of node.returningClause?.options ?? []) {
    if ('ReturningOption' in option) names.add(option.ReturningOption.value ?? '');
  }
  return names;
}
