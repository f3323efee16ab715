/**
 * A PolicySet and a catalog → a BoundPolicy: every name looked up, every mask tried on its columns, and `decide` ready
 * to say what a role may see of a relation for a purpose. It makes no SQL but masks and conditions.
 */
import type { Catalog, Oid, Relation } from '../catalog/types.js';
import { ancestors, isSystemSchema, qualified, type Binding } from './bind/binding.js';
import { bindColumns } from './bind/columns.js';
import { bindConsent } from './bind/consent.js';
import { bindLabels } from './bind/labels.js';
import { bindRules, guardsFor, type GuardSources } from './bind/rules.js';
import { protectedRows } from './bind/row-types.js';
import { bindSubjects } from './bind/subjects.js';
import type { ExpressionParser } from './expression/compile.js';
import type { LoadedPolicySet } from './load.js';
import type { RoleEntry } from './document.js';
import type {
  BoundPolicy,
  ColumnDecision,
  PolicyProblem,
  PurposeFacts,
  RelationDecision,
  RolePolicy,
  RowSubjects,
  SubjectPath,
} from './types.js';

/** Decides about a view that the policy does not name, from the decisions about what it reads. */
export type ViewDecision = (
  view: Relation,
  decideBase: (relation: Oid) => RelationDecision,
) => RelationDecision;

export interface BindOptions {
  /** Needed where the policy holds SQL of its own; without one such a policy does not bind. */
  readonly parser?: ExpressionParser;
  readonly views?: ViewDecision;
}

export type BindOutcome =
  | { readonly ok: true; readonly policy: BoundPolicy; readonly warnings: readonly PolicyProblem[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

type Denied = Extract<RelationDecision, { access: 'denied' }>;

function denied(rule: string, reason: string, hint: string): Denied {
  return { access: 'denied', rule, reason, hint };
}

function isView(relation: Relation): boolean {
  return relation.kind === 'view' || relation.kind === 'materialized-view';
}

function rolePolicy({ purposes, limits }: RoleEntry): RolePolicy {
  if (limits === undefined) return { purposes };
  const { rows_per_statement: rowsPerStatement, rows_per_hour: rowsPerHour } = limits;
  return { purposes, limits: { rowsPerStatement, rowsPerHour } };
}

function subjectsBy(path: SubjectPath): RowSubjects {
  return path.hops.length === 0
    ? { keys: [path.column], complete: true }
    : { keys: [], complete: true, via: path };
}

/** The consent table with its parents and children: who reads it learns what it protects. */
function consentRelations(catalog: Catalog, source: Relation | undefined): ReadonlySet<Oid> {
  if (!source) return new Set();
  const family = [source, ...ancestors(catalog, source), ...catalog.descendants(source.oid)];
  return new Set(family.map((one) => one.oid));
}

/** Ties a policy set to a catalog. */
export function bindPolicy(set: LoadedPolicySet, catalog: Catalog, options: BindOptions = {}): BindOutcome {
  const { content } = set;
  const binding: Binding = { content, catalog, parser: options.parser, secrets: set.secrets, problems: [] };
  const labels = bindLabels(binding);
  const subjects = bindSubjects(binding);
  const consent = bindConsent(binding, subjects);
  const rules = bindRules(binding, subjects);
  const consentFamily = consentRelations(catalog, consent?.source);
  const listed = new Set<Oid>([
    ...labels.keys(),
    ...subjects.relations.map((one) => one.oid),
    ...rules.retention.keys(),
    ...[...rules.rows.values()].flatMap((conditions) => [...conditions.keys()]),
  ]);
  const deniedTables = [...rules.denied.values()].flatMap((tables) => [...tables]);
  const named = new Set<Oid>([...listed, ...consentFamily, ...deniedTables]);
  const holdsProtectedRows = protectedRows(
    catalog,
    (one) => named.has(one.oid) || content.unlistedTables?.value !== 'allow',
  );
  const columns = bindColumns(binding, labels, holdsProtectedRows);
  const { problems } = binding;
  if (problems.some((problem) => problem.severity === 'error')) return { ok: false, problems };

  const sources: GuardSources = { binding, subjects, consent, rules };
  /** FAIL-CLOSED: labels on a view's columns do not say whose they are, and it reads the tables of data subjects. */
  const subjectsUnknown = (relation: Relation): RowSubjects | undefined =>
    isView(relation) ? { keys: [], complete: false } : undefined;
  const protectedRelation = (role: string, purpose: string, relation: Relation): RelationDecision => {
    const entry = content.purposes.get(purpose)?.value;
    const path = subjects.path(relation.oid);
    const asksSubject = entry?.consent !== undefined || entry?.when !== undefined;
    if (asksSubject && !path && labels.has(relation.oid)) {
      // FAIL-CLOSED: personal data of nobody in particular cannot be filtered by what that person agreed to.
      return denied(
        `purposes.${purpose}`,
        `"${qualified(relation)}" holds labelled data, and the policy does not say whose, so "${purpose}" cannot be checked`,
        `add "${qualified(relation)}" to subjects: in the policy`,
      );
    }
    const decisions = new Map<number, ColumnDecision>(
      relation.columns.map((column) => [column.attnum, columns.decide(role, relation, column)]),
    );
    const guards = guardsFor(sources, role, purpose, relation);
    const keys = [...(path ? [path.column] : []), ...(subjects.targets.get(relation.oid) ?? [])];
    const masked = [...decisions.values()].some((one) => one.kind !== 'clear');
    return {
      access: 'protected',
      columns: decisions,
      guards,
      linkable: new Set(keys.filter((attnum) => decisions.get(attnum)?.kind === 'clear')),
      rules: [...(masked ? [`roles.${role}.masks`] : []), ...guards.map((guard) => guard.rule)],
      subject: path === undefined ? subjectsUnknown(relation) : subjectsBy(path),
    };
  };

  /**
   * FAIL-CLOSED: a child may have several parents, and a rule reaches it through one of them. Who reads another parent
   * reads the child's rows as well, so that parent needs the same labels and subject (manual, 5.11 Inheritance).
   */
  const exposedChild = (relation: Relation): Relation | undefined =>
    catalog.descendants(relation.oid).find((child) => {
      if (!listed.has(child.oid)) return false;
      if (!listed.has(relation.oid)) return true;
      if (subjects.path(child.oid) !== undefined && subjects.path(relation.oid) === undefined) return true;
      const own = labels.get(relation.oid);
      return child.columns.some((column) => {
        if (labels.get(child.oid)?.has(column.attnum) !== true) return false;
        const here = relation.columns.find((one) => one.name === column.name);
        return here !== undefined && own?.has(here.attnum) !== true;
      });
    });

  const decideOnce = (role: string, purpose: string, relation: Relation): RelationDecision => {
    if (rules.denied.get(role)?.has(relation.oid) === true) {
      return denied(
        `roles.${role}.deny`,
        `the role "${role}" may not read "${qualified(relation)}"`,
        'ask the policy owner if the role needs this table',
      );
    }
    const child = exposedChild(relation);
    if (child) {
      return denied(
        'inheritance',
        `reading "${qualified(relation)}" reads the rows of its child "${qualified(child)}", which more rules protect`,
        `give "${qualified(relation)}" the labels and the subject of "${qualified(child)}"`,
      );
    }
    if (listed.has(relation.oid)) return protectedRelation(role, purpose, relation);
    if (consentFamily.has(relation.oid)) {
      return denied(
        'consent.source',
        `"${qualified(relation)}" records consent and is itself protected`,
        'name it in labels: or subjects: of the policy to open it',
      );
    }
    if (isView(relation)) {
      if (options.views) return options.views(relation, (oid) => decide(role, purpose, oid));
      // FAIL-CLOSED: what a view reads is not known here.
      return denied(
        'views',
        `it is not known what the view "${qualified(relation)}" reads`,
        'label its columns in the policy, or read its tables',
      );
    }
    if (relation.columns.some(holdsProtectedRows)) return protectedRelation(role, purpose, relation);
    if (content.unlistedTables?.value === 'allow') return { access: 'open' };
    return denied(
      'unlisted_tables',
      `the policy does not name "${qualified(relation)}", and unlisted tables are denied`,
      'add the table to the policy',
    );
  };

  const memo = new Map<string, RelationDecision>();
  const decideUncached = (role: string, purpose: string, oid: Oid): RelationDecision => {
    const relation = catalog.relationByOid(oid);
    if (!relation) {
      return denied('unknown-relation', 'the relation is not known to pgveil', 'try again in a moment');
    }
    const entry = content.roles.get(role);
    if (!entry) return denied('roles', `there is no role "${role}"`, 'correct the session rules');
    if (!content.purposes.has(purpose) || !entry.value.purposes.includes(purpose)) {
      return denied(
        `roles.${role}.purposes`,
        `the role "${role}" does not act for the purpose "${purpose}"`,
        `use one of ${entry.value.purposes.map((one) => `"${one}"`).join(', ')}`,
      );
    }
    if (isSystemSchema(relation.schema)) return { access: 'open' };
    if (relation.kind === 'toast' || relation.schema === 'pg_toast') {
      // FAIL-CLOSED: a TOAST table holds the raw bytes of long values.
      return denied('pg_toast', 'TOAST tables are never read directly', 'read the table that owns it');
    }
    return decideOnce(role, purpose, relation);
  };
  const decide = (role: string, purpose: string, oid: Oid): RelationDecision => {
    const key = JSON.stringify([role, purpose, oid]);
    const before = memo.get(key);
    if (before) return before;
    const decision = decideUncached(role, purpose, oid);
    // Callers may ask for any name; only what the policy knows is worth keeping.
    if (content.roles.has(role) && content.purposes.has(purpose)) memo.set(key, decision);
    return decision;
  };

  const purposes = new Map<string, PurposeFacts>();
  for (const [name, { value }] of content.purposes) {
    purposes.set(name, {
      name,
      legalBasis: value.legal_basis,
      consentPurpose: value.consent,
      consentSource: value.consent !== undefined && consent ? qualified(consent.source) : undefined,
    });
  }
  return {
    ok: true,
    warnings: problems,
    policy: {
      name: set.name,
      version: set.version,
      catalogVersion: catalog.version,
      mode: content.mode,
      roles: new Map([...content.roles].map(([name, { value }]) => [name, rolePolicy(value)])),
      purposes,
      allowedFunctions: new Set(content.functions),
      decide,
    },
  };
}
