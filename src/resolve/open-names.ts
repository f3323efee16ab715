/** Whether a statement has names that were not found, or that only the server can place. */
import type { ResolvedStatement } from './types.js';

export function hasOpenNames({ columns }: Pick<ResolvedStatement, 'columns'>): boolean {
  for (const binding of columns.values())
    if (binding.kind === 'unresolved' || ('uncertain' in binding && binding.uncertain)) return true;
  return false;
}
