/**
 * What `pgveil check` finds only with a database: views that nobody can follow, columns that look personal and carry no
 * label, a consent history without its index. Binding itself reports what does not fit.
 */
import type { Catalog, Relation } from '../../catalog/types.js';
import type { LoadedPolicySet } from '../../policy/load.js';
import { problemAt } from '../../policy/problems.js';
import type { BoundPolicy, PolicyProblem, RelationDecision } from '../../policy/types.js';
import { looksPersonal } from './personal-names.js';

const TABLES: ReadonlySet<Relation['kind']> = new Set(['table', 'partitioned-table', 'foreign-table']);
const VIEWS: ReadonlySet<Relation['kind']> = new Set(['view', 'materialized-view']);

export function liveWarnings(set: LoadedPolicySet, policy: BoundPolicy, catalog: Catalog): PolicyProblem[] {
  const sessions = [...policy.roles].flatMap(([role, { purposes }]) =>
    purposes.map((purpose) => ({ role, purpose })),
  );
  const decisionsOf = (relation: Relation): RelationDecision[] =>
    sessions.map(({ role, purpose }) => policy.decide(role, purpose, relation.oid));
  return [
    ...unlabelledColumns(set, catalog, decisionsOf),
    ...unclearViews(set, catalog, decisionsOf),
    ...missingConsentIndex(set, catalog),
  ];
}

function unlabelledColumns(
  set: LoadedPolicySet,
  catalog: Catalog,
  decisionsOf: (relation: Relation) => RelationDecision[],
): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const relation of catalog.relations) {
    if (!TABLES.has(relation.kind) || isSystem(relation)) continue;
    const decisions = decisionsOf(relation);
    // A table that every role is denied shows nothing to anybody, labels or not.
    if (decisions.length > 0 && decisions.every((decision) => decision.access === 'denied')) continue;
    const labelled = new Set(
      decisions.flatMap((decision) =>
        decision.access === 'protected'
          ? [...decision.columns].flatMap(([attnum, column]) => (column.label === undefined ? [] : [attnum]))
          : [],
      ),
    );
    for (const column of relation.columns) {
      const kind = labelled.has(column.attnum) ? undefined : looksPersonal(column.name);
      if (kind === undefined) continue;
      const name = `${relation.schema}.${relation.name}.${column.name}`;
      problems.push(
        atLabels(set, name, {
          code: 'unlabelled-personal-column',
          message: `column "${name}" looks like ${article(kind)} and carries no label`,
          fix: `add ${name} to a label, or leave it if it holds no personal data`,
        }),
      );
    }
  }
  return problems;
}

function unclearViews(
  set: LoadedPolicySet,
  catalog: Catalog,
  decisionsOf: (relation: Relation) => RelationDecision[],
): PolicyProblem[] {
  return catalog.relations.flatMap((relation) => {
    if (!VIEWS.has(relation.kind) || isSystem(relation)) return [];
    const decisions = decisionsOf(relation);
    const denied = decisions.find((decision) => decision.access === 'denied');
    // Denied to some roles only is a rule of theirs; denied to all is a view that could not be followed.
    if (denied?.access !== 'denied' || !decisions.every((decision) => decision.access === 'denied'))
      return [];
    const name = `${relation.schema}.${relation.name}`;
    return [
      atLabels(set, name, {
        code: 'view-denied',
        message: `view "${name}" is denied to every role: ${denied.reason}`,
        fix: denied.hint,
      }),
    ];
  });
}

/** DESIGN 5.1: with a history table the look-up of the newest row needs (subject, purpose, recorded_at). */
function missingConsentIndex(set: LoadedPolicySet, catalog: Catalog): PolicyProblem[] {
  const { consent } = set.content;
  if (consent?.value.recorded_at === undefined) return [];
  const [schema, name] = consent.value.source.split('.');
  const relation = schema === undefined || name === undefined ? undefined : catalog.relation(schema, name);
  if (relation === undefined) return [];
  const attnum = (column: string): number | undefined =>
    relation.columns.find((one) => one.name === column)?.attnum;
  const keys = new Set([attnum(consent.value.subject), attnum(consent.value.purpose)]);
  const recordedAt = attnum(consent.value.recorded_at);
  const fits = relation.indexes.some(
    ({ columns, partial }) =>
      !partial && keys.has(columns[0]) && keys.has(columns[1]) && columns[2] === recordedAt,
  );
  if (fits) return [];
  const wanted = [consent.value.subject, consent.value.purpose, consent.value.recorded_at].join(', ');
  return [
    problemAt(consent, ['source'], {
      code: 'consent-index-missing',
      message: `"${consent.value.source}" has no index for finding the newest consent, so every governed query reads all of it`,
      fix: `have the DBA run: CREATE INDEX ON ${consent.value.source} (${wanted})`,
      severity: 'warning',
    }),
  ];
}

function isSystem(relation: Relation): boolean {
  return relation.schema === 'information_schema' || relation.schema.startsWith('pg_');
}

/** The data map is where the missing line belongs. */
function atLabels(
  set: LoadedPolicySet,
  text: string,
  problem: { readonly code: string; readonly message: string; readonly fix: string },
): PolicyProblem {
  return {
    ...problemAt(set.content.first, ['labels'], { ...problem, severity: 'warning', key: true }),
    text,
  };
}

function article(kind: string): string {
  return `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}
