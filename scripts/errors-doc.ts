/** Writes docs/errors.md from the error table: `npx tsx scripts/errors-doc.ts`. A test compares the two. */
import { writeFileSync } from 'node:fs';
import { errorEntry, errorCatalog, type ErrorCode } from '../src/errors/catalog.js';

/** The whole text of docs/errors.md. */
export function errorsDocument(): string {
  const rows = (Object.keys(errorCatalog) as ErrorCode[]).map((code) => {
    const entry = errorEntry(code);
    return `| \`${code}\` | \`${entry.sqlstate}\` | ${entry.severity} | \`${entry.reason}\` | ${entry.audit ?? '–'} | ${entry.recovery} |`;
  });
  return [
    '# Errors',
    '',
    'Every error that pgveil itself answers with; all others are PostgreSQL’s own. Generated from `src/errors/catalog.ts` by',
    '`npx tsx scripts/errors-doc.ts`; a test keeps both equal. Messages start with `pgveil: `. FATAL ends the connection.',
    '"Reason" is the label in `/metrics`, "audit" how the event of the statement or log-in ends.',
    '',
    '<!-- prettier-ignore -->',
    '| code | SQLSTATE | severity | reason | audit | what to do |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

if (process.argv[1]?.endsWith('errors-doc.ts') === true) writeFileSync('docs/errors.md', errorsDocument());
