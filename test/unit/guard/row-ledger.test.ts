import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { leasedRows, type RowLender } from '../../../src/guard/leased-rows.js';
import { RowLedger } from '../../../src/guard/row-ledger.js';

const who = { user: 'u', role: 'r' };
const hour = 3_600_000;
const start = 1_800_000_000_000;

/** A worker of the ledger, whose answers come in a later turn. */
function lender(ledger: RowLedger, worker: number): RowLender {
  return {
    lease: (request) => ledger.lease(worker, request),
    settle: (settled) => ledger.settle(worker, settled),
  };
}

/** Shows rows until told to stop; how many. */
async function show(rows: ReturnType<typeof leasedRows>, limit: number, wanted = Infinity): Promise<number> {
  const allowance = rows.of('u', 'r');
  allowance.begin();
  let shown = 0;
  try {
    while (shown < wanted) {
      const taken = allowance.take(limit, rows.now());
      if (taken === true) shown++;
      else if (taken === false) break;
      else await allowance.more(limit);
    }
  } finally {
    allowance.end();
  }
  return shown;
}

describe('rows of an hour over several workers', () => {
  test('INVARIANT(row-limits): statements in all workers together show exactly the limit, in any mix', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 300 }),
        fc.array(fc.record({ worker: fc.nat(3), rows: fc.integer({ min: 1, max: 200 }) }), { maxLength: 12 }),
        async (workers, limit, statements) => {
          const ledger = new RowLedger(workers, () => start);
          const rows = Array.from({ length: workers }, (_, n) => leasedRows(lender(ledger, n), () => start));
          const shown = await Promise.all(
            statements.map((one) => show(rows[one.worker % workers]!, limit, one.rows)),
          );
          const wanted = statements.reduce((sum, one) => sum + one.rows, 0);
          expect(shown.reduce((sum, one) => sum + one, 0)).toBe(Math.min(limit, wanted));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('what a worker held when it was killed counts as shown', async () => {
    const ledger = new RowLedger(2, () => start);
    const { rows } = await ledger.lease(1, { ...who, limit: 100, used: 0 });
    expect(rows).toBeGreaterThan(1);
    ledger.gone(1);
    expect(
      await show(
        leasedRows(lender(ledger, 2), () => start),
        100,
      ),
    ).toBe(100 - rows);
  });

  test('rows come back an hour after they were shown, and not before', async () => {
    let now = start;
    const ledger = new RowLedger(2, () => now);
    const rows = leasedRows(lender(ledger, 1), () => now);
    expect(await show(rows, 10)).toBe(10);
    now += hour - 1;
    expect(await show(rows, 10)).toBe(0);
    now += 2 * 60_000;
    expect(await show(rows, 10)).toBe(10);
  });

  test('a raised limit takes effect at once', async () => {
    const ledger = new RowLedger(1, () => start);
    const rows = leasedRows(lender(ledger, 1), () => start);
    expect(await show(rows, 5)).toBe(5);
    expect(await show(rows, 5)).toBe(0);
    expect(await show(rows, 8)).toBe(3);
  });

  test('INVARIANT(row-limits): a lowered limit holds at once, also where rows are lent under the higher one', async () => {
    const ledger = new RowLedger(1, () => start);
    const rows = leasedRows(lender(ledger, 1), () => start);
    const before = rows.of('u', 'r');
    before.begin(); // A long statement that holds what was lent for it.
    expect(await show(rows, 100, 3)).toBe(3);
    expect(await show(rows, 5)).toBe(2);
    expect(await show(rows, 100, 3)).toBe(3);
    before.end();
  });

  test('INVARIANT(row-limits): nor do rows that were only counted open a limit', async () => {
    const ledger = new RowLedger(2, () => start);
    const rows = leasedRows(lender(ledger, 1), () => start);
    const counted = rows.of('u', 'r');
    counted.begin();
    await counted.more(undefined);
    expect(counted.take(undefined, start)).toBe(true);
    expect(await show(rows, 3)).toBe(2);
    counted.end();
  });

  test('rows that were lent in an answer that came too late are given back', async () => {
    const ledger = new RowLedger(2, () => start);
    const late = leasedRows(
      {
        lease: async (request) => {
          await ledger.lease(1, request);
          throw new Error('too late');
        },
        settle: (settled) => ledger.settle(1, settled),
      },
      () => start,
    );
    expect(await show(late, 10)).toBe(0);
    expect(
      await show(
        leasedRows(lender(ledger, 2), () => start),
        10,
      ),
    ).toBe(10);
  });

  test('a worker that has given back waits for no rows any more', async () => {
    const ledger = new RowLedger(2, () => start);
    await ledger.lease(1, { ...who, limit: 1, used: 0 });
    const waiting = ledger.lease(2, { ...who, limit: 1, used: 0 });
    ledger.settle(2, { ...who, used: 0 });
    expect((await waiting).rows).toBe(0);
  });

  test('a worker that waits for what another holds gets it when it is given back, and no for an answer in time', async () => {
    vi.useFakeTimers();
    try {
      const ledger = new RowLedger(1, () => start, 1_000);
      expect((await ledger.lease(1, { ...who, limit: 1, used: 0 })).rows).toBe(1);
      const waiting = ledger.lease(2, { ...who, limit: 1, used: 0 });
      ledger.settle(1, { ...who, used: 0 });
      expect((await waiting).rows).toBe(1);
      const late = ledger.lease(1, { ...who, limit: 1, used: 0 });
      await vi.advanceTimersByTimeAsync(1_000);
      expect((await late).rows).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('FAIL-CLOSED: without an answer no row is shown, and the next statement asks again', async () => {
    let answers = false;
    const ledger = new RowLedger(1, () => start);
    const rows = leasedRows(
      {
        lease: (request) => (answers ? ledger.lease(1, request) : Promise.reject(new Error('gone'))),
        settle: (settled) => ledger.settle(1, settled),
      },
      () => start,
    );
    expect(await show(rows, 5)).toBe(0);
    expect(rows.of('u', 'r').freesAt(start)).toBeUndefined();
    answers = true;
    expect(await show(rows, 5)).toBe(5);
  });
});
