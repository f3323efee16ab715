import { describe, expect, test } from 'vitest';
import { hourLimit, RowMeter } from '../../../src/guard/row-meter.js';
import { RowWindow, RowWindows } from '../../../src/guard/row-windows.js';

const MINUTE = 60_000;
const start = Date.UTC(2026, 10, 22, 10, 0, 30);

describe('rows of the last hour', () => {
  test('a row counts for at least sixty minutes, and no longer than sixty-one', () => {
    const window = new RowWindow();
    window.add(start);
    expect(window.shown(start + 60 * MINUTE)).toBe(1);
    expect(window.shown(start + 61 * MINUTE)).toBe(0);
  });

  test('the time named is the time at which rows leave the count', () => {
    const window = new RowWindow();
    window.add(start);
    window.add(start + 20 * MINUTE);
    const free = window.freesAt(start + 30 * MINUTE);
    expect(window.shown(free - 1)).toBe(2);
    expect(window.shown(free)).toBe(1);
    expect(new RowWindow().freesAt(start)).toBe(start);
  });

  test('rows of each minute leave by themselves, after any pause', () => {
    const window = new RowWindow();
    for (let minute = 0; minute < 200; minute++) window.add(start + minute * MINUTE);
    expect(window.shown(start + 199 * MINUTE)).toBe(61);
    expect(window.shown(start + 1000 * MINUTE)).toBe(0);
  });

  test('a clock that is set back frees nothing', () => {
    const window = new RowWindow();
    window.add(start);
    window.add(start - 300 * MINUTE);
    expect(window.shown(start - 300 * MINUTE)).toBe(2);
    expect(window.shown(start + 59 * MINUTE)).toBe(2);
  });

  test('users and roles count apart, and a name cannot be made to look like another pair', () => {
    const windows = new RowWindows(() => start);
    windows.of('a', 'b').add(start);
    expect(windows.of('a', 'b').shown(start)).toBe(1);
    expect(windows.of('a', 'c').shown(start)).toBe(0);
    windows.of('x","y', 'z').add(start);
    expect(windows.of('x', 'y","z').shown(start)).toBe(0);
  });

  test('windows with rows outlive any number of others', () => {
    const windows = new RowWindows(() => start);
    windows.of('kept', 'r').add(start);
    for (let user = 0; user < 5000; user++) windows.of(`u${user}`, 'r');
    expect(windows.of('kept', 'r').shown(start)).toBe(1);
  });
});

describe('the meter of one statement', () => {
  const meter = (
    limits: { statement?: number; hour?: number },
    shownBefore = 0,
    window = new RowWindow(),
  ): RowMeter =>
    new RowMeter({
      limits: { rowsPerStatement: limits.statement, rowsPerHour: limits.hour },
      role: 'r',
      window,
      now: () => start,
      shownBefore,
    });
  const admitted = (one: RowMeter, rows: number): number =>
    Array.from({ length: rows }, () => one.admit()).filter(Boolean).length;

  test.each([
    [{ statement: 3 }, 0, 3, 4],
    [{ statement: 3 }, 2, 1, 2],
    [{ statement: 3 }, 9, 0, 1],
    [{ hour: 5 }, 0, 5, 6],
    [{ statement: 7, hour: 5 }, 0, 5, 6],
    [{ statement: 5, hour: 7 }, 0, 5, 6],
  ])('%j after %i rows admits %i and asks the server for %i', (limits, before, rows, ask) => {
    const one = meter(limits, before);
    expect(one.ask).toBe(ask);
    expect(admitted(one, 20)).toBe(rows);
    expect(one.delivered).toBe(rows);
    expect(one.refusal?.sqlstate).toBe('42501');
  });

  test('a row that was kept back stays the last: nothing follows it when the hour moves on', () => {
    let now = start;
    const one = new RowMeter({
      limits: { rowsPerStatement: undefined, rowsPerHour: 1 },
      role: 'r',
      window: new RowWindow(),
      now: () => now,
      shownBefore: 0,
    });
    expect(admitted(one, 2)).toBe(1);
    now += 120 * MINUTE;
    expect(one.admit()).toBe(false);
  });

  test('the hour refuses at once when nothing is left, and again admits when its rows have gone', () => {
    const window = new RowWindow();
    expect(admitted(meter({ hour: 2 }, 0, window), 9)).toBe(2);
    const limits = { rowsPerStatement: undefined, rowsPerHour: 2 };
    expect(hourLimit(limits, 'r', window, start)?.hint).toContain('2026-11-22 11:01 UTC');
    expect(hourLimit(limits, 'r', window, start + 61 * MINUTE)).toBeUndefined();
  });
});
