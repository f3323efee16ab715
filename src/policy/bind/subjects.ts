/** Subjects → the way from each row to the key of its data subject. */
import type { Column, Oid, Relation } from '../../catalog/types.js';
import { parseColumnName } from '../names.js';
import type { SubjectPath } from '../types.js';
import {
  columnAt,
  columnNamed,
  comparable,
  complain,
  findColumn,
  findRelation,
  hasKey,
  qualified,
  refuseChild,
  relationNamed,
  type Binding,
  type Site,
} from './binding.js';

interface Step {
  readonly site: Site;
  readonly column: number;
  readonly to: { readonly relation: Relation; readonly match: number } | undefined;
}

export interface BoundSubjects {
  /** Undefined when the relation's rows belong to nobody that the policy names. */
  path(oid: Oid): SubjectPath | undefined;
  /** Key columns that hops lead to, by relation. */
  readonly targets: ReadonlyMap<Oid, ReadonlySet<number>>;
  readonly relations: readonly Relation[];
}

function bindTarget(
  binding: Binding,
  site: Site,
  from: Column,
  text: string,
): { relation: Relation; match: number } | undefined {
  const name = parseColumnName(text);
  if (name?.path.length !== 0) {
    complain(binding, site, {
      code: 'bad-name',
      message: `"${text}" is no column name`,
      fix: 'write schema.table.column',
    });
    return;
  }
  const relation = findRelation(binding, site, name);
  const column = relation && findColumn(binding, site, relation, name.column);
  if (!relation || !column) return undefined;
  if (!hasKey(relation, [column.attnum])) {
    complain(binding, site, {
      code: 'key-not-unique',
      message: `"${text}" is not unique, so a row could lead to several people`,
      fix: 'lead to a primary key or a column with a unique constraint',
    });
    return;
  }
  if (!comparable(from, column)) {
    complain(binding, site, {
      code: 'types-differ',
      message: `"${text}" is ${column.type} and cannot be compared with ${from.type}`,
      fix: 'lead to the column that the foreign key refers to',
    });
    return;
  }
  return { relation, match: column.attnum };
}

export function bindSubjects(binding: Binding): BoundSubjects {
  const steps = new Map<Oid, Step>();
  const relations = new Map<Oid, Relation>();
  for (const [text, entry] of binding.content.subjects) {
    const site: Site = { entry, below: [], key: true };
    const relation = relationNamed(binding, site, text);
    if (!relation || refuseChild(binding, site, relation)) continue;
    const value = entry.value;
    const columnSite: Site = { entry, below: ['key' in value ? 'key' : 'through'] };
    const column = columnNamed(binding, columnSite, relation, 'key' in value ? value.key : value.through);
    if (!column) continue;
    const toSite: Site = { entry, below: ['to'] };
    const to = 'to' in value ? bindTarget(binding, toSite, column, value.to) : undefined;
    if ('to' in value && !to) continue;
    for (const one of [relation, ...binding.catalog.descendants(relation.oid)]) {
      const own = one.columns.find((other) => other.name === column.name);
      if (!own) continue;
      steps.set(one.oid, { site: toSite, column: own.attnum, to });
      relations.set(one.oid, one);
    }
  }
  const paths = new Map<Oid, SubjectPath | undefined>();
  const follow = (oid: Oid, seen: ReadonlySet<Oid>): SubjectPath | undefined => {
    if (paths.has(oid)) return paths.get(oid);
    const step = steps.get(oid);
    if (!step) return undefined;
    if (!step.to) return { column: step.column, hops: [] };
    const { relation: target, match } = step.to;
    if (seen.has(target.oid)) {
      complain(binding, step.site, {
        code: 'subject-cycle',
        message: 'this way leads in a circle and never to a data subject',
        fix: 'give one of the tables on it a key:',
      });
      return;
    }
    const rest = follow(target.oid, new Set([...seen, oid]));
    if (!rest) {
      if (steps.has(target.oid)) return undefined;
      complain(binding, step.site, {
        code: 'subject-unknown',
        message: `the policy does not say whose data a row of "${qualified(target)}" is`,
        fix: `add "${qualified(target)}" to subjects:`,
      });
      return;
    }
    // Where the hop's key is the subject's key itself, the row carries it already.
    const hops =
      rest.column === match ? rest.hops : [{ relation: target, match, next: rest.column }, ...rest.hops];
    return { column: step.column, hops };
  };
  for (const oid of steps.keys()) paths.set(oid, follow(oid, new Set([oid])));
  const targets = new Map<Oid, Set<number>>();
  for (const { to } of steps.values()) {
    if (!to) continue;
    targets.set(to.relation.oid, (targets.get(to.relation.oid) ?? new Set()).add(to.match));
  }
  return { path: (oid) => paths.get(oid), targets, relations: [...relations.values()] };
}

/** The column that holds the subject's key at the end of the way. */
export function endOfPath(relation: Relation, path: SubjectPath): Column {
  const last = path.hops.at(-1);
  return last ? columnAt(last.relation, last.next) : columnAt(relation, path.column);
}
