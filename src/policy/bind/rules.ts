/** Purposes, restriction, retention and row rules → guards on relations. */
import type { Oid, Relation } from '../../catalog/types.js';
import type { PolicyCondition, RowGuard, SubjectPath } from '../types.js';
import {
  ancestors,
  columnNamed,
  comparable,
  complain,
  hasKey,
  qualified,
  refuseChild,
  relationNamed,
  type Binding,
  type Site,
} from './binding.js';
import { bindCondition, bindTableCondition, onRelation } from './conditions.js';
import type { BoundConsent } from './consent.js';
import { endOfPath, type BoundSubjects } from './subjects.js';

type RetentionGuard = Extract<RowGuard, { kind: 'retention' }>;

export interface BoundRules {
  /** `when` by purpose. */
  readonly when: ReadonlyMap<string, PolicyCondition>;
  readonly restricted: PolicyCondition | undefined;
  readonly retention: ReadonlyMap<Oid, RetentionGuard>;
  /** By role, then by relation. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<Oid, PolicyCondition>>;
  /** Relations that a role may not touch, children included. */
  readonly denied: ReadonlyMap<string, ReadonlySet<Oid>>;
}

const TIME = new Set(['date', 'timestamp', 'timestamptz']);

function bindRetention(binding: Binding): Map<Oid, RetentionGuard> {
  const found = new Map<Oid, RetentionGuard>();
  for (const [text, entry] of binding.content.retention) {
    const site: Site = { entry, below: [], key: true };
    const relation = relationNamed(binding, site, text);
    if (!relation || refuseChild(binding, site, relation)) continue;
    const columnSite: Site = { entry, below: ['column'] };
    const column = columnNamed(binding, columnSite, relation, entry.value.column);
    if (!column) continue;
    if (!TIME.has(column.baseTypeName)) {
      complain(binding, columnSite, {
        code: 'wrong-type',
        message: `"${column.name}" is ${column.type}, and a period counts from a date or timestamp`,
        fix: 'name a date or timestamp column',
      });
      continue;
    }
    for (const one of [relation, ...binding.catalog.descendants(relation.oid)]) {
      const own = one.columns.find((other) => other.name === column.name);
      if (!own) continue;
      const rule = `retention.${text}`;
      found.set(one.oid, { kind: 'retention', rule, column: own.attnum, keep: entry.value.keep });
    }
  }
  return found;
}

/** Tables of subjects whose own key is unique: the only ones that a condition about a person can be over. */
function subjectTables(binding: Binding, subjects: BoundSubjects): Relation[] {
  return subjects.relations.filter((relation) => {
    const path = subjects.path(relation.oid);
    return (
      path?.hops.length === 0 &&
      hasKey(relation, [path.column]) &&
      ancestors(binding.catalog, relation).length === 0
    );
  });
}

function checkReach(binding: Binding, site: Site, condition: PolicyCondition, subjects: BoundSubjects): void {
  const own = subjects.path(condition.relation.oid);
  if (!own) return;
  const key = endOfPath(condition.relation, own);
  for (const relation of subjects.relations) {
    const path = subjects.path(relation.oid);
    if (!path || comparable(endOfPath(relation, path), key)) continue;
    complain(binding, site, {
      code: 'types-differ',
      message: `the key of "${qualified(condition.relation)}" cannot be compared with the subject of "${qualified(relation)}"`,
      fix: 'use the same type for the key of a person everywhere',
    });
  }
}

export function bindRules(binding: Binding, subjects: BoundSubjects): BoundRules {
  const { content, catalog } = binding;
  const tables = subjectTables(binding, subjects);
  const tableCondition = (site: Site, text: string): PolicyCondition | undefined => {
    const condition = bindTableCondition(binding, site, text, tables);
    if (condition) checkReach(binding, site, condition, subjects);
    if (!condition?.attributes.length) return condition;
    complain(binding, site, {
      code: 'bad-condition',
      message: 'a condition about the data subject cannot depend on the actor',
      fix: 'use the attribute in rows: of a role instead',
    });
    return undefined;
  };
  const when = new Map<string, PolicyCondition>();
  for (const [name, entry] of content.purposes) {
    if (entry.value.when === undefined || subjects.relations.length === 0) continue;
    const condition = tableCondition({ entry, below: ['when'] }, entry.value.when);
    if (condition) when.set(name, condition);
  }
  const restricted =
    content.restricted &&
    tableCondition({ entry: content.restricted, below: ['when'] }, content.restricted.value.when);
  const rows = new Map<string, Map<Oid, PolicyCondition>>();
  const denied = new Map<string, Set<Oid>>();
  for (const [role, entry] of content.roles) {
    const hidden = new Set<Oid>();
    entry.value.deny?.forEach((text, index) => {
      const site: Site = { entry, below: ['deny', index] };
      const relation = relationNamed(binding, site, text);
      if (!relation || refuseChild(binding, site, relation)) return;
      for (const one of [relation, ...catalog.descendants(relation.oid)]) hidden.add(one.oid);
    });
    denied.set(role, hidden);
    const conditions = new Map<Oid, PolicyCondition>();
    for (const [text, sql] of Object.entries(entry.value.rows ?? {})) {
      const site: Site = { entry, below: ['rows', text], key: true };
      const relation = relationNamed(binding, site, text);
      if (!relation || refuseChild(binding, site, relation)) continue;
      if (hidden.has(relation.oid)) {
        complain(binding, site, {
          code: 'rule-never-fires',
          message: `the role may not read "${qualified(relation)}" at all, so this row rule never applies`,
          fix: 'remove the row rule, or take the table out of deny:',
        });
        continue;
      }
      const condition = bindCondition(binding, { entry, below: ['rows', text] }, sql, relation);
      if (!condition) continue;
      for (const one of [relation, ...catalog.descendants(relation.oid)]) {
        conditions.set(one.oid, onRelation(condition, one));
      }
    }
    rows.set(role, conditions);
  }
  return { when, restricted, retention: bindRetention(binding), rows, denied };
}

/** What `guardsFor` looks at. */
export interface GuardSources {
  readonly binding: Binding;
  readonly subjects: BoundSubjects;
  readonly consent: BoundConsent | undefined;
  readonly rules: BoundRules;
}

function subjectCondition(
  sources: GuardSources,
  relation: Relation,
  path: SubjectPath,
  rule: string,
  condition: PolicyCondition,
  expected: boolean,
): RowGuard {
  const own = sources.subjects.path(condition.relation.oid);
  if (!own) throw new Error('a condition was bound to a table without a subject');
  const itself =
    relation.oid === condition.relation.oid ||
    ancestors(sources.binding.catalog, relation).some((one) => one.oid === condition.relation.oid);
  return {
    kind: 'subject-condition',
    rule,
    condition: itself ? onRelation(condition, relation) : condition,
    expected,
    path: itself ? undefined : path,
    key: itself ? path.column : own.column,
  };
}

/** All guards of one relation for a role and purpose that were found to belong together. */
export function guardsFor(
  sources: GuardSources,
  role: string,
  purpose: string,
  relation: Relation,
): RowGuard[] {
  const { subjects, consent, rules, binding } = sources;
  const guards: RowGuard[] = [];
  const path = subjects.path(relation.oid);
  const entry = binding.content.purposes.get(purpose)?.value;
  if (path && entry) {
    if (entry.consent !== undefined && consent) {
      guards.push({
        kind: 'consent',
        rule: `purposes.${purpose}.consent`,
        sense: entry.legal_basis === 'opt_out' ? 'opt-out' : 'opt-in',
        ...consent,
        purposeValue: entry.consent,
        path,
      });
    }
    const when = rules.when.get(purpose);
    if (when) guards.push(subjectCondition(sources, relation, path, `purposes.${purpose}.when`, when, true));
    const excepted = binding.content.restricted?.value.except ?? [];
    if (rules.restricted && !excepted.includes(purpose)) {
      guards.push(subjectCondition(sources, relation, path, 'restricted', rules.restricted, false));
    }
  }
  const retention = rules.retention.get(relation.oid);
  if (retention) guards.push(retention);
  const rows = rules.rows.get(role)?.get(relation.oid);
  if (rows)
    guards.push({ kind: 'rows', rule: `roles.${role}.rows.${qualified(rows.relation)}`, condition: rows });
  return guards;
}
