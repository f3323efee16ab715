/** Ties policy sets to catalogs the same way for the proxy, `check`, `explain` and `test`: with PostgreSQL's parser at hand. */
import type { Catalog } from '../catalog/types.js';
import { viewDecisions } from '../enforce/view-decision.js';
import { bindPolicy } from '../policy/bind.js';
import type { LoadedPolicySet } from '../policy/load.js';
import { fromBytes } from '../sql/byte-string.js';
import { lex } from '../sql/lexer.js';
import type { Parser } from '../sql/parse.js';
import type { SqlLimits } from '../sql/types.js';
import type { Bound } from './policy-keeper.js';

export type Binder = (set: LoadedPolicySet, catalog: Catalog) => Bound;

export function createBinder(parser: Parser, limits: SqlLimits): Binder {
  const parse = (sql: string): ReturnType<Parser['parse']> => {
    const outcome = lex(fromBytes(Buffer.from(sql)), limits);
    return outcome.ok ? parser.parse(outcome.lexed) : outcome;
  };
  return (set, catalog) => {
    const outcome = bindPolicy(set, catalog, { parser: parse, views: viewDecisions(catalog, parser) });
    return outcome.ok
      ? { ok: true, policy: outcome.policy, problems: outcome.warnings }
      : { ok: false, problems: outcome.problems };
  };
}
