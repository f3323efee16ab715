/** Random scripts of messages, in orders that are right and wrong. The same seed gives the same script. */
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import * as s from '../session/support.js';

export type Random = (below: number) => number;

/** Mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return (((value ^ (value >>> 14)) >>> 0) % 1_000_003) % below;
  };
}

const statements = [
  'SELECT 1 AS a',
  'SELECT i FROM t ORDER BY i',
  'SELECT generate_series(1, 5)',
  'INSERT INTO t VALUES (7)',
  'INSERT INTO t SELECT 1 RETURNING i',
  'SELECT 1/0',
  'SELECT 1/(3 - i) FROM generate_series(1, 5) AS i',
  'SELECT no_such_column',
  'SELEC 1',
  '',
  ';',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT sp',
  'ROLLBACK TO sp',
  'COPY t FROM STDIN',
  'COPY t TO STDOUT',
  'COPY (SELECT 1/(3 - i) FROM generate_series(1, 5) AS i) TO STDOUT',
  'COPY no_such_table FROM STDIN',
  'PREPARE a AS SELECT 5',
  'EXECUTE a',
  'DEALLOCATE a',
  'DECLARE p CURSOR FOR SELECT generate_series(1, 5)',
  'DECLARE h CURSOR WITH HOLD FOR SELECT generate_series(1, 3)',
  'FETCH 2 FROM p',
  'FETCH 2 FROM h',
  'CLOSE p',
  "SET application_name = 'x'",
  'SHOW application_name',
] as const;

const texts = [
  'SELECT 1; SELECT 2',
  'INSERT INTO t VALUES (8); SELECT 1/0; INSERT INTO t VALUES (9)',
  'BEGIN; SELECT 3; COMMIT',
  'COPY t FROM STDIN; SELECT 4',
  'COPY t FROM STDIN; COPY t FROM STDIN',
  'COPY t TO STDOUT; COPY t FROM STDIN',
  'SELECT 5; COPY t TO STDOUT; SELECT 6',
  'SELECT 1; ; SELECT 2;',
] as const;

const parameterised = ['SELECT $1::int', 'INSERT INTO t VALUES ($1)'] as const;

const names = ['', '', 'a', 'b'] as const;
const portals = ['', '', 'p', 'q'] as const;

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)]!;
}

function bindTo(portal: string, statement: string, values: readonly string[]): FrontendMessage {
  return {
    kind: 'bind',
    portal,
    statement,
    parameterFormats: [],
    parameters: values.map((value) => Buffer.from(value)),
    resultFormats: [],
  };
}

function parsed(random: Random, name: string): FrontendMessage {
  return s.parse(pick(random, [...statements, ...statements, ...texts, ...parameterised]), name);
}

/** One thing that a client does, made of one or several messages. */
function phrase(random: Random): readonly FrontendMessage[] {
  const name = pick(random, names);
  const portal = pick(random, portals);
  const rows = pick(random, [0, 0, 1, 2]);
  switch (random(22)) {
    case 0:
    case 1:
    case 2:
      return [s.query(pick(random, [...statements, ...texts]))];
    case 3:
    case 4:
    case 5:
    case 6:
      return [parsed(random, name), s.bind(name, portal), s.execute(portal, rows)];
    case 7:
      return [
        parsed(random, name),
        { kind: 'describe', target: 'statement', name },
        s.bind(name, portal),
        { kind: 'describe', target: 'portal', name: portal },
        s.execute(portal, rows),
        s.execute(portal, rows),
        s.sync,
      ];
    case 8:
      return [s.parse(pick(random, parameterised), name), bindTo(portal, name, [pick(random, ['4', 'x'])])];
    case 9:
      return [s.bind(name, portal)];
    case 10:
      return [s.execute(portal, rows)];
    case 11:
      return [{ kind: 'describe', target: pick(random, ['statement', 'portal']), name: pick(random, names) }];
    case 12:
      return [
        { kind: 'close', target: pick(random, ['statement', 'portal']), name: pick(random, [...names, 'p']) },
      ];
    case 13:
    case 14:
    case 15:
      return [s.sync];
    case 16:
      return [s.flush];
    case 17:
      return [s.copyData(pick(random, ['1\n', '2\n3\n', 'x\n', '']))];
    case 18:
      return [s.copyDone];
    case 19:
      return [{ kind: 'copy-fail', reason: 'enough' }];
    case 20:
      return [s.query('COPY t FROM STDIN'), s.copyData('1\n'), s.copyDone];
    default:
      return [
        s.parse('COPY t FROM STDIN', name),
        s.bind(name, portal),
        s.execute(portal),
        ...(random(2) === 0 ? [s.sync] : []),
        s.copyData(pick(random, ['1\n', 'x\n'])),
        ...(random(3) === 0 ? [s.flush] : []),
        s.copyDone,
        s.sync,
      ];
  }
}

export function randomScript(seed: number): FrontendMessage[] {
  const random = randomOf(seed);
  const script: FrontendMessage[] = [];
  const length = 3 + random(14);
  for (let index = 0; index < length; index++) script.push(...phrase(random));
  return script;
}
