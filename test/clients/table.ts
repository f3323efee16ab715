/** Shows the verdicts to people: a table of clients and features, and the reasons below it. */
import Table from 'cli-table3';
import { features, type Feature } from './features.js';
import type { Setting } from './settings.js';
import { failed, type Cell, type ClientVerdict, type Failure } from './verdict.js';

/** Short enough for a terminal of 160 columns. */
const headings = {
  connect: 'connect',
  tls: 'tls',
  'channel-binding': 'binding',
  parameters: 'params',
  prepared: 'prepared',
  binary: 'binary',
  cursors: 'cursors',
  copy: 'copy',
  errors: 'errors',
  transactions: 'transact',
  cancel: 'cancel',
  listen: 'listen',
  masked: 'masked',
  disconnect: 'disconn',
} as const satisfies Record<Feature, string>;

export function tableOf(verdicts: readonly ClientVerdict[]): string {
  const table = new Table({
    head: ['client', ...features.map((feature) => headings[feature]), 's'],
    style: { head: [], border: [], compact: true },
  });
  for (const verdict of verdicts) {
    if (verdict.missing !== undefined) {
      table.push([verdict.client, { colSpan: features.length + 1, content: 'not installed' }]);
    } else {
      const name = verdict.failures.length > 0 ? `${verdict.client} ✗` : verdict.client;
      table.push([name, ...verdict.cells.map(cellText), verdict.seconds.toFixed(1)]);
    }
  }
  return table.toString();
}

function cellText(cell: Cell): string {
  if (cell.state === 'ok') return '✓';
  if (cell.state === 'n/a') return '–';
  return `✗ ${cell.failures.map(({ setting }) => setting.short).join(' ')}`;
}

export function legendOf(settings: readonly Setting[]): string {
  const letters = settings.map(({ short, name }) => `${short} ${name}`).join(', ');
  return `✓ works in every setting (${letters}); ✗ does not in those named; – the driver has no such thing`;
}

/** Every failure with its reason; the same reason in several places is said once. */
export function reasonsOf(verdicts: readonly ClientVerdict[]): readonly string[] {
  return verdicts.flatMap((verdict) => {
    if (verdict.missing !== undefined) return [`${verdict.client}: not installed: ${verdict.missing}`];
    const places = new Map<string, string[]>();
    const note = (what: string, { setting, why }: Failure): void => {
      places.set(why, [...(places.get(why) ?? []), `${what} (${setting.name})`]);
    };
    for (const cell of verdict.cells) for (const failure of cell.failures) note(cell.feature, failure);
    for (const failure of verdict.failures) note('program', failure);
    return [...places].map(([why, where]) => `${verdict.client}: ${where.join(', ')}: ${why}`);
  });
}

/** What drivers do not have, once for each reason. */
export function absencesOf(verdicts: readonly ClientVerdict[]): readonly string[] {
  return verdicts.flatMap(({ client, cells }) =>
    cells.flatMap(({ state, feature, why }) =>
      state === 'n/a' ? [`${client}: ${feature}: ${why ?? ''}`] : [],
    ),
  );
}

/** The closing line, in the form that CI reads: each feature in each setting counts. */
export function closingLine(verdicts: readonly ClientVerdict[], allowMissing: boolean): string {
  const cells = verdicts.flatMap((verdict) => verdict.cells);
  const passed = cells.reduce((sum, cell) => sum + cell.passed, 0);
  const failures =
    cells.reduce((sum, cell) => sum + cell.failures.length, 0) +
    verdicts.reduce((sum, verdict) => sum + verdict.failures.length, 0);
  const missing = verdicts.filter(({ missing }) => missing !== undefined).length;
  const counted = `clients: ${passed} passed, ${failures + (allowMissing ? 0 : missing)} failed`;
  return allowMissing && missing > 0 ? `${counted}, ${missing} skipped` : counted;
}

export function jsonOf(verdicts: readonly ClientVerdict[], allowMissing: boolean): string {
  return JSON.stringify({
    failed: verdicts.filter((verdict) => failed(verdict, allowMissing)).map(({ client }) => client),
    clients: verdicts.map(({ client, missing, seconds, cells, failures }) => ({
      client,
      ...(missing === undefined ? {} : { missing }),
      seconds: Number(seconds.toFixed(2)),
      features: Object.fromEntries(
        cells.map((cell) => [
          cell.feature,
          { state: cell.state, passed: cell.passed, why: cell.why, failures: named(cell.failures) },
        ]),
      ),
      failures: named(failures),
    })),
  });
}

function named(failures: readonly Failure[]): readonly { setting: string; why: string }[] {
  return failures.map(({ setting, why }) => ({ setting: setting.name, why }));
}
