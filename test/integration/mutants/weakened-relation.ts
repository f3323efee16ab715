/** Guarded relations as others write them, for mutants. */
import { scalarGuard } from '../../../src/rewrite/guard-sql.js';
import type * as guarded from '../../../src/rewrite/guarded-relation.js';
import type { Relation } from '../../../src/catalog/types.js';
import type { RowGuard } from '../../../src/policy/types.js';
import { toByteString } from '../../../src/sql/byte-string.js';

/** Values without the guard, which stands as a subquery in WHERE. */
export function plainWhere(module: typeof guarded, fence: string): typeof guarded {
  return {
    ...module,
    guardedRelation: (relation, decision, options) => {
      // A condition that the planner folds away: a bare column would already trip the guard on the wire.
      const guards = decision.guards.length === 0 ? [] : [alwaysTrue(relation)];
      const pieces = module.guardedRelation(relation, { ...decision, guards }, options).slice(0, -1);
      const condition = scalarGuard(relation, module.innerAlias, decision.guards, options.actor);
      const where = condition === '' ? '' : ` AND (${condition})`;
      return [...pieces, toByteString(`${where}${fence})`)];
    },
  };
}

function alwaysTrue(relation: Relation): RowGuard {
  return {
    kind: 'rows',
    rule: 'mutant',
    condition: { relation, attributes: [], sql: () => 'true' },
  };
}
