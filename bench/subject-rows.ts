/**
 * What it costs to look for the keys of data subjects in rows: the framer over a result of two columns, with the rows
 * hopped over, and with each looked at. Run: npx tsx bench/subject-rows.ts
 */
import { SubjectMarker } from '../src/audit/subject-marks.js';
import { SubjectTally } from '../src/guard/subject-tally.js';
import { backendTable } from '../src/wire/frame-table.js';
import { Framer, type FrameSink } from '../src/wire/framer.js';
import { encodeBackend } from '../src/wire/backend-message.js';

const ROWS = 200_000;
const RUNS = 7;

function result(distinct: number): Buffer[] {
  const rows: Buffer[] = [];
  for (let row = 0; row < ROWS; row++) {
    const values = [Buffer.from(String(row % distinct)), Buffer.from('somebody@example.com')];
    rows.push(encodeBackend({ kind: 'data-row', values }));
  }
  const all = Buffer.concat(rows);
  const chunks: Buffer[] = [];
  for (let at = 0; at < all.length; at += 65_536) chunks.push(all.subarray(at, at + 65_536));
  return chunks;
}

/** Nanoseconds a row, the best of the runs. */
function measure(chunks: readonly Buffer[], limit: number | undefined): number {
  const table = backendTable({
    interest: ['command-complete'],
    maxInterestingBytes: 1024,
    tapped: limit === undefined ? [] : ['data-row'],
  });
  let best = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const marks = new SubjectMarker(Buffer.alloc(32, 1), limit ?? 0);
    const plan = {
      outputs: [{ position: 0, kind: 'number', typeOid: 23 }],
      fields: 2,
      complete: true,
    } as const;
    const tally = new SubjectTally(plan, marks);
    const framer = new Framer(table);
    const sink: FrameSink = {
      bytes: () => undefined,
      message: () => 'pass',
      oversized: () => [],
      tap: (type, chunk, from, to, begins, ends) => {
        if (!tally.closed) tally.row(type, chunk, from, to, begins, ends);
      },
    };
    const begun = process.hrtime.bigint();
    for (const chunk of chunks) framer.push(chunk, sink);
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / ROWS);
  }
  return best;
}

for (const distinct of [1, 1000, ROWS]) {
  const chunks = result(distinct);
  const plain = measure(chunks, undefined);
  const looked = measure(chunks, 1000);
  process.stdout.write(
    `${distinct} subjects in ${ROWS} rows: ${plain.toFixed(0)} ns a row hopped over, ${looked.toFixed(0)} ns looked at\n`,
  );
}
{
  const chunks = result(ROWS);
  process.stdout.write(`every key new, no limit: ${measure(chunks, ROWS).toFixed(0)} ns a row\n`);
}
