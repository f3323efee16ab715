/** The breach view of the report in Markdown. */
import type { Report } from './schema.js';
import { code, codeOrNone, codes, many, table } from './markdown-text.js';

type Exposure = Report['exposure'];

const why = {
  exempt: 'exempt log-in: not followed',
  'not-attributable': 'the result names no data subject',
  truncated: 'the list of data subjects is not complete',
  interrupted: 'interrupted: what it returned is not known',
} as const satisfies Record<Exposure['unattributed']['groups'][number]['why'], string>;

export function exposureSection({ exposure }: Report): readonly string[] {
  const { statements, attributed, rows, subjects, unattributed } = exposure;
  const title = '## What could have been exposed (GDPR Art. 33, 34)';
  if (statements === 0) return [title, 'No statement returned data of protected tables.'];
  return [
    title,
    [
      `- ${many(statements, 'statement')} returned ${many(rows, 'row')} of personal data, or may have, between ${exposure.first ?? '-'} and ${exposure.last ?? '-'}`,
      `- Data subjects known by their HMAC: ${subjects.capped ? 'at least ' : ''}${subjects.distinct}, from ${many(attributed, 'statement')} with a complete list and those with a truncated one${subjects.hmacs === null ? '; `--breach --format json` lists them' : '; the JSON report lists them'}`,
      `- ${many(unattributed.statements, 'statement')} with ${many(unattributed.rows, 'row')}: the data subjects are not, or not all, known; count them by other means`,
    ].join('\n'),
    exposure.clear.length === 0
      ? 'No column of a protected table was shown clear.'
      : `Shown clear:\n\n${columnTable(exposure.clear)}`,
    exposure.masked.length === 0 ? '' : `Shown masked:\n\n${columnTable(exposure.masked)}`,
    exposure.more_columns ? 'There were more columns than are listed.' : '',
    unattributed.groups.length === 0
      ? ''
      : `Statements whose data subjects are not all known:\n\n${table(
          ['actor', 'role', 'why', 'statements', 'rows', 'first', 'last', 'tables', 'statement', 'uid'],
          unattributed.groups.map((one) => [
            code(one.actor),
            codeOrNone(one.role),
            why[one.why],
            one.statements,
            one.rows,
            one.first,
            one.last,
            codes({ names: one.tables, more: false }),
            code(one.statement),
            code(one.statement_uid),
          ]),
        )}`,
    unattributed.other_statements === 0
      ? ''
      : `${many(unattributed.other_statements, 'statement')} with ${many(unattributed.other_rows, 'row')} of other shapes are not listed.`,
  ];
}

function columnTable(columns: Exposure['clear']): string {
  return table(
    ['column', 'labels', 'kind of data (DPV)', 'statements', 'rows'],
    columns.map((one) => [
      code(one.column),
      codes({ names: one.labels, more: false }),
      codes({ names: one.dpv, more: false }),
      one.statements,
      one.rows,
    ]),
  );
}
