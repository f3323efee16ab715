/** The benchmark's command line. Knows nothing of what the numbers are used for. */
import { parseArgs } from 'node:util';
import { protocols, type Protocol } from './pgbench.js';

export interface BenchOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly clients: readonly number[];
  readonly protocols: readonly Protocol[];
  /** pgbench's unit: 100,000 accounts each. */
  readonly scale: number;
  readonly consent: 'single' | 'history';
  /** Adds a pgveil whose audit is the spool alone. */
  readonly withoutRedis: boolean;
  /** Adds PgBouncer and pgveil over TLS on the client's leg. */
  readonly tls: boolean;
  /** Adds a pgveil with so many workers; 1 adds none. */
  readonly workers: number;
  /** Only contenders whose name contains one of these; all when empty. */
  readonly only: readonly string[];
  readonly jsonFile: string | undefined;
}

export const usage = `usage: npm run bench:end-to-end -- [options]
  --seconds N        length of a slice (4)
  --rounds N         rounds; each contender has one slice per round and case (3)
  --clients A,B      numbers of clients (1,8,32)
  --protocols A,B    simple, extended, prepared (all)
  --scale N          pgbench scale, 100,000 accounts each (10)
  --consent FORM     single (one row per person and purpose) or history (single)
  --only A,B         contenders whose name contains A or B (all)
  --without-redis    also a pgveil whose audit is the spool alone
  --tls              also PgBouncer and pgveil over TLS on the client's leg
  --workers N        also a pgveil with N workers, where all others have one process
  --quick            one round of 2 s slices at 8 clients, scale 1: proves that all works, measures nothing
  --json FILE        also writes every slice to FILE
`;

/** Throws an Error with a sentence for the user. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      clients: { type: 'string' },
      protocols: { type: 'string' },
      scale: { type: 'string' },
      consent: { type: 'string', default: 'single' },
      only: { type: 'string' },
      'without-redis': { type: 'boolean', default: false },
      tls: { type: 'boolean', default: false },
      workers: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const quick = values.quick;
  const { consent } = values;
  if (consent !== 'single' && consent !== 'history')
    throw new Error(`--consent is single or history, not "${consent}"`);
  return {
    seconds: count('--seconds', values.seconds ?? (quick ? '2' : '4')),
    rounds: count('--rounds', values.rounds ?? (quick ? '1' : '3')),
    clients: list(values.clients ?? (quick ? '8' : '1,8,32')).map((text) => count('--clients', text)),
    protocols: list(values.protocols ?? protocols.join(',')).map(protocol),
    scale: count('--scale', values.scale ?? (quick ? '1' : '10')),
    consent,
    withoutRedis: values['without-redis'],
    tls: values.tls,
    workers: count('--workers', values.workers),
    only: list(values.only ?? ''),
    jsonFile: values.json,
  };
}

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function count(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 1000)
    throw new Error(`${option} takes a whole number from 1 to 1000, not "${text}"`);
  return number;
}

function protocol(text: string): Protocol {
  const found = protocols.find((one) => one === text);
  if (found === undefined) throw new Error(`--protocols knows ${protocols.join(', ')}, not "${text}"`);
  return found;
}
