/** What the console takes for a command, and that it is no SQL engine. */
import { describe, expect, it } from 'vitest';
import { readCommands } from '../../../../src/session/console/command.js';
import { splitStatements } from '../../../../src/session/console/tokens.js';

function read(text: string): string[] {
  const outcome = readCommands(text);
  if (!outcome.ok) return [`error ${outcome.error.sqlstate}`];
  return outcome.statements.map(({ command }) => {
    if (command.kind === 'show') return `show ${command.topic}`;
    if (command.kind === 'setting') return `${command.name}=${command.value}`;
    if (command.kind === 'constant') return `${command.column}=${command.value}`;
    if (command.kind === 'deallocate') return `${command.tag} ${command.name ?? ''}`.trim();
    if (command.kind === 'types') return 'types';
    return 'tag' in command ? command.tag : command.kind;
  });
}

describe('commands', () => {
  it.each([
    ['SHOW STATS', ['show stats']],
    ['show  Clients ;', ['show clients']],
    ['/* tool */ SHOW -- now\n TOTALS;;', ['show totals']],
    ['SHOW "policies"', ['show policies']],
    ['RELOAD', ['reload']],
    ['SHOW VERSION; RELOAD; SHOW CONFIG', ['show version', 'reload', 'show config']],
    ['', []],
    [' ; -- nothing\n', []],
    ['BEGIN', ['BEGIN']],
    ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', ['BEGIN']],
    ['start transaction', ['START TRANSACTION']],
    ['COMMIT', ['COMMIT']],
    ['END TRANSACTION', ['COMMIT']],
    ['ROLLBACK', ['ROLLBACK']],
    ['SELECT 1', ['?column?=1']],
    ['SELECT pg_catalog.version()', ['version=15.0']],
    ['SHOW server_version', ['server_version=15.0']],
    ['SHOW TRANSACTION ISOLATION LEVEL', ['transaction_isolation=read committed']],
    ['SET extra_float_digits = 3', ['SET']],
    ["SET SESSION application_name TO 'x;y'", ['SET']],
    ["SET client_encoding TO 'UTF8'", ['SET']],
    ["SET NAMES 'utf-8'", ['SET']],
    ["SET TIME ZONE 'UTC'", ['SET']],
    ['SET TRANSACTION READ ONLY', ['SET']],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', ['SET']],
    ['select b.oid, b.typarray from pg_catalog.pg_type a left join pg_catalog.pg_type b on true', ['types']],
    ['RESET ALL', ['RESET']],
    ['DISCARD ALL', ['DISCARD ALL']],
    ['DEALLOCATE PREPARE "Mine"', ['DEALLOCATE Mine']],
    ['DEALLOCATE ALL', ['DEALLOCATE ALL']],
    [
      'SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;',
      ['pg_advisory_unlock_all=', 'CLOSE CURSOR ALL', 'UNLISTEN', 'RESET'],
    ],
  ])('%j', (text, commands) => {
    expect(read(text)).toEqual(commands);
  });

  it.each([
    'SELECT * FROM customers',
    'SELECT 1 + 1',
    'SELECT 1, 2',
    'SELECT version(), 1',
    'SHOW',
    'SHOW STATS CLIENTS',
    "SHOW 'stats'",
    'SHOW TABLES',
    'RELOAD NOW',
    'COMMIT PREPARED',
    'ROLLBACK TO x',
    'KILL 1',
    'UPDATE customers SET email = NULL',
    "SHOW STATS 'unfinished",
    '/* unfinished SHOW STATS',
    'SHOW STATS /* a */ */',
    'COPY x TO STDOUT',
  ])('refuses %j', (text) => {
    expect(read(text)).toEqual(['error 42601']);
  });

  it.each([
    "SET client_encoding TO 'LATIN1'",
    'SET max_connections = 5',
    'SET standard_conforming_strings = off',
  ])('does not pretend to have taken %j', (text) => {
    expect(read(text)).toEqual(['error 42704']);
  });

  it('reads nothing of a text of which it does not understand a part', () => {
    expect(read('RELOAD; SELECT 2 FROM x')).toEqual(['error 42601']);
  });

  it('bounds what one text may ask for', () => {
    expect(read('SHOW CLIENTS;'.repeat(100))).toHaveLength(100);
    expect(read('SHOW CLIENTS;'.repeat(101))).toEqual(['error 54000']);
  });

  it('takes time in proportion to the text, whatever it holds', () => {
    const started = performance.now();
    for (const piece of ["'", '"', '/*', '--', "''", 'a.', '/**/', '$', '\0', '\u{1f600}'])
      splitStatements(piece.repeat(30_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
