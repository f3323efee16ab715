/** Reads run.ts's command line. */
import { parseArgs } from 'node:util';
import type { Client } from './client.js';

export interface Options {
  readonly clients: readonly Client[];
  readonly versions: readonly (15 | 18)[];
  readonly install: boolean;
  readonly skipMissing: boolean;
  readonly format: 'text' | 'json';
}

export const usage = `usage: npm run test:clients -- [--only NAME,NAME] [--ci] [--all] [--install] [--skip-missing] [--format text|json]
  --only NAME,…    these clients alone
  --ci             those whose needs install quickly
  --all            on PostgreSQL 15 as well as 18
  --install        install missing Debian packages (as root)
  --skip-missing   a client that is not installed is no failure`;

/** Throws with a sentence for the person at the terminal. */
export function readOptions(args: readonly string[], all: readonly Client[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      ci: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      'skip-missing': { type: 'boolean', default: false },
      format: { type: 'string', default: 'text' },
    },
  });
  const { format } = values;
  if (format !== 'text' && format !== 'json') throw new Error(`--format is text or json, not "${format}"`);
  const names = values.only?.split(',').filter((name) => name !== '');
  const unknown = names?.find((name) => !all.some((client) => client.name === name));
  if (unknown !== undefined)
    throw new Error(`there is no client "${unknown}"; there are ${all.map(({ name }) => name).join(', ')}`);
  return {
    clients: all.filter(({ name, ci }) => (names?.includes(name) ?? true) && (ci || !values.ci)),
    versions: values.all ? [18, 15] : [18],
    install: values.install,
    skipMissing: values['skip-missing'],
    format,
  };
}
