/**
 * The state of one resolve() call: what was found so far. It grows only; nothing here decides what a name means.
 */
import type { ColumnRef, Node, RangeVar, SelectStmt } from '@pgsql/types';
import type { Catalog, Relation } from '../catalog/types.js';
import type { ParsedStatement } from '../sql/types.js';
import { unsupported } from './ast.js';
import { findRelation, isRowSource } from './relation-names.js';
import { ResolveFailure } from './ast.js';
import type { RowShape } from './row-shape.js';
import type { Scope } from './scope.js';
import { relationSpans } from './spans.js';
import type {
  ColumnBinding,
  FunctionUse,
  ImpliedEquality,
  Lineage,
  OperatorUse,
  QueryLevel,
  RelationPurpose,
  RelationUse,
  SearchPath,
  TokenSpan,
} from './types.js';

/** Nested queries and right-nested joins; each costs stack here, and no person writes as many. */
const MAX_DEPTH = 250;

/** How a level stands in its parent: its rows are the parent's FROM rows, or it is used in any other way. */
export type LevelRole = 'top' | 'from' | 'other';

/** A QueryLevel that is still being filled, with what view lineage asks beyond it. */
export interface LevelFacts extends QueryLevel {
  readonly uses: RelationUse[];
  readonly conjuncts: Node[];
  readonly role: LevelRole;
  /** A subquery in FROM on the nullable side of an outer join. */
  nullable: boolean;
  /** Each row comes from one row of each FROM item: no aggregate, DISTINCT, set operation, LIMIT or window. */
  simple: boolean;
  consumer: number | undefined;
  mixes: boolean;
}

type MutableUse = { -readonly [Key in keyof RelationUse]: RelationUse[Key] };

/** Analyses a query (SELECT or a data-modifying statement) below a scope. Set by resolve(), which knows all of them. */
export type AnalyseQuery = (
  resolution: Resolution,
  query: Node,
  parent: Scope | undefined,
  role: LevelRole,
) => RowShape;

export class Resolution {
  readonly statement: ParsedStatement;
  readonly catalog: Catalog;
  readonly searchPath: SearchPath;
  readonly analyseQuery: AnalyseQuery;
  readonly relations: RelationUse[] = [];
  readonly columns = new Map<ColumnRef, ColumnBinding>();
  readonly columnSpans = new Map<ColumnRef, TokenSpan>();
  readonly schemaNeeded = new Set<ColumnRef>();
  readonly levels: LevelFacts[] = [];
  readonly functions: FunctionUse[] = [];
  readonly operators: OperatorUse[] = [];
  /** Origins in the order in which expressions read them; a slice of it is what an expression is computed from. */
  readonly trace: Lineage[] = [];
  /** What USING and NATURAL compare, which no reference in the text names. */
  readonly merged: Lineage[] = [];
  readonly equalities: ImpliedEquality[] = [];
  /** A subquery in FROM may pass on values of a row beside it. */
  hasLateral = false;
  /** RangeVars whose meaning is known: relation uses, CTE references, and names that are no relation. */
  readonly classified = new Set<RangeVar>();
  #depth = 0;

  constructor(
    statement: ParsedStatement,
    catalog: Catalog,
    searchPath: SearchPath,
    analyseQuery: AnalyseQuery,
  ) {
    this.statement = statement;
    this.catalog = catalog;
    this.searchPath = searchPath;
    this.analyseQuery = analyseQuery;
  }

  /** Runs one step of the recursion, within its bound. */
  nested<Result>(step: () => Result): Result {
    // FAIL-CLOSED: a clear refusal instead of a stack overflow.
    if (this.#depth >= MAX_DEPTH) throw unsupported('a query nested this deeply');
    this.#depth += 1;
    try {
      return step();
    } finally {
      this.#depth -= 1;
    }
  }

  addLevel(parent: number | undefined, role: LevelRole, select: SelectStmt | undefined): LevelFacts {
    const level: LevelFacts = {
      id: this.levels.length,
      parent,
      select,
      uses: [],
      conjuncts: [],
      role,
      nullable: false,
      simple: true,
      consumer: parent,
      mixes: false,
    };
    this.levels.push(level);
    return level;
  }

  /** A relation that a query reads or writes. Throws `unknown-relation` when there is none of that name. */
  addUse(node: RangeVar, purpose: RelationPurpose, level: number, tableSample = false): RelationUse {
    const relation = findRelation(node, this.catalog, this.searchPath);
    if (relation === undefined || !isRowSource(relation)) {
      throw new ResolveFailure({
        kind: 'unknown-relation',
        schema: node.schemaname,
        name: node.relname ?? '',
      });
    }
    return this.addKnownUse(node, relation, purpose, level, tableSample);
  }

  addKnownUse(
    node: RangeVar,
    relation: Relation,
    purpose: RelationPurpose,
    level: number,
    tableSample = false,
  ): RelationUse {
    const { nameSpan, fullSpan, tableCommandSpan } = relationSpans(this.statement, node);
    const use: RelationUse = {
      id: this.relations.length,
      node,
      relation,
      purpose,
      nameSpan,
      fullSpan,
      only: node.inh !== true,
      alias: node.alias?.aliasname,
      hasColumnAliases: (node.alias?.colnames?.length ?? 0) > 0,
      tableSample,
      tableCommandSpan: purpose === 'read' ? tableCommandSpan : undefined,
      level,
      nullable: false,
    };
    this.relations.push(use);
    this.levels[level]?.uses.push(use);
    this.classified.add(node);
    return use;
  }

  /** Marks what stands on the nullable side of an outer join. */
  markNullable(uses: readonly RelationUse[], subqueryLevels: readonly number[]): void {
    for (const use of uses) (use as MutableUse).nullable = true;
    for (const level of subqueryLevels) this.levels[level]!.nullable = true;
  }

  /** An aggregate belongs to this level or, by its arguments, to one above: none of them is simple any more. */
  markAggregated(scope: Scope): void {
    for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
      this.levels[level.level]!.simple = false;
    }
  }
}
