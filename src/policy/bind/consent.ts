/** Where consent is recorded: its table and columns, checked, and whether it is a history. */
import type { Column, Relation } from '../../catalog/types.js';
import {
  columnNamed,
  comparable,
  complain,
  hasKey,
  qualified,
  relationNamed,
  type Binding,
  type Site,
} from './binding.js';
import { endOfPath, type BoundSubjects } from './subjects.js';

export interface BoundConsent {
  readonly source: Relation;
  readonly shape: 'history' | 'single';
  readonly subject: number;
  readonly purpose: number;
  readonly status: number;
  readonly recordedAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly given: readonly string[];
}

const TEXT = new Set(['text', 'varchar', 'bpchar']);
const TIME = new Set(['date', 'timestamp', 'timestamptz']);

function isTextLike(column: Column): boolean {
  return TEXT.has(column.baseTypeName) || column.typeCategory === 'E';
}

function warnAboutIndex(binding: Binding, site: Site, consent: BoundConsent): void {
  const leading = (columns: readonly number[]): boolean =>
    columns.slice(0, 2).includes(consent.subject) &&
    columns.slice(0, 2).includes(consent.purpose) &&
    columns[2] === consent.recordedAt;
  if (
    consent.shape === 'single' ||
    consent.source.indexes.some((one) => !one.partial && leading(one.columns))
  )
    return;
  const name = (attnum: number | undefined): string =>
    consent.source.columns.find((one) => one.attnum === attnum)?.name ?? '';
  const columns = [consent.subject, consent.purpose, consent.recordedAt].map(name).join(', ');
  complain(binding, site, {
    code: 'missing-index',
    message: 'every governed read looks up the newest consent, and no index helps it',
    fix: `CREATE INDEX ON ${qualified(consent.source)} (${columns})`,
    severity: 'warning',
  });
}

export function bindConsent(binding: Binding, subjects: BoundSubjects): BoundConsent | undefined {
  const entry = binding.content.consent;
  if (!entry) return undefined;
  const at = (key: string): Site => ({ entry, below: [key] });
  const source = relationNamed(binding, at('source'), entry.value.source);
  if (!source) return undefined;
  const column = (
    key: 'subject' | 'purpose' | 'status' | 'recorded_at' | 'expires_at',
    fits: (column: Column) => boolean,
    what: string,
  ): Column | undefined => {
    const text = entry.value[key];
    const found = text === undefined ? undefined : columnNamed(binding, at(key), source, text);
    if (!found || fits(found)) return found;
    complain(binding, at(key), {
      code: 'wrong-type',
      message: `"${found.name}" is ${found.type}, and ${what} is needed`,
      fix: `name a column that holds ${what}`,
    });
    return undefined;
  };
  const isTime = (one: Column): boolean => TIME.has(one.baseTypeName);
  const subject = column('subject', () => true, 'a key');
  const purpose = column('purpose', isTextLike, 'text');
  const status = column('status', isTextLike, 'text');
  const recordedAt = column('recorded_at', isTime, 'a date or timestamp');
  const expiresAt = column('expires_at', isTime, 'a date or timestamp');
  if (!subject || !purpose || !status) return undefined;
  const single = hasKey(source, [subject.attnum, purpose.attnum]);
  if (!single && entry.value.recorded_at === undefined) {
    complain(binding, at('source'), {
      code: 'consent-ambiguous',
      message: `"${qualified(source)}" may hold several rows per subject and purpose, and nothing says which is the newest`,
      fix: `add recorded_at: to consent:, or a unique constraint on (${subject.name}, ${purpose.name})`,
    });
    return;
  }
  for (const relation of subjects.relations) {
    const path = subjects.path(relation.oid);
    if (!path || comparable(endOfPath(relation, path), subject)) continue;
    complain(binding, at('subject'), {
      code: 'types-differ',
      message: `"${subject.name}" is ${subject.type} and cannot be compared with the subject of "${qualified(relation)}"`,
      fix: 'use the same type for the key of a person everywhere',
    });
  }
  const consent: BoundConsent = {
    source,
    shape: single ? 'single' : 'history',
    subject: subject.attnum,
    purpose: purpose.attnum,
    status: status.attnum,
    recordedAt: recordedAt?.attnum,
    expiresAt: expiresAt?.attnum,
    given: entry.value.given,
  };
  warnAboutIndex(binding, at('source'), consent);
  return consent;
}
