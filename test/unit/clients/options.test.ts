/** Which clients a run takes, and what it says of those that cannot run here. */
import { describe, expect, it } from 'vitest';
import type { Client } from '../../clients/client.js';
import { clients } from '../../clients/clients.js';
import { missingFor } from '../../clients/install.js';
import { readOptions } from '../../clients/options.js';

const made = (name: string, ci: boolean, debian: readonly string[] = []): Client => ({
  name,
  family: 'made-up',
  command: ['true'],
  needs: { debian },
  ci,
});
const quick = made('quick', true);
const long = made('long', false, ['no-such-package-anywhere']);

describe('the command line of the clients', () => {
  const cases: readonly [args: readonly string[], names: readonly string[], versions: readonly number[]][] = [
    [[], ['quick', 'long'], [18]],
    [['--ci'], ['quick'], [18]],
    [['--only', 'long'], ['long'], [18]],
    [
      ['--only', 'long,quick', '--all'],
      ['quick', 'long'],
      [18, 15],
    ],
    [['--only', 'long', '--ci'], [], [18]],
  ];
  it.each(cases)('%j takes %j on %j', (args, names, versions) => {
    const options = readOptions(args, [quick, long]);
    expect(options.clients.map(({ name }) => name)).toEqual(names);
    expect(options.versions).toEqual(versions);
  });

  it.each([[['--only', 'psqll']], [['--format', 'xml']], [['--onyl']], [['psql']]])('refuses %j', (args) => {
    expect(() => readOptions(args, [quick, long])).toThrow();
  });

  it('names the Debian packages that are missing, and they alone', async () => {
    const missing = await missingFor([quick, long]);
    expect([...missing.keys()]).toEqual([long]);
    expect(missing.get(long)).toContain('no-such-package-anywhere');
  });

  it('has one name for each client', () => {
    const names = clients.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
