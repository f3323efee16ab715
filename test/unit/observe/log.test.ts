import { describe, expect, it } from 'vitest';
import { createLogger, type LogLevel } from '../../../src/observe/log.js';

function logger(level: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level,
    base: { instance: 'i' },
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  return { log, lines };
}

describe('the log', () => {
  it('writes JSON lines with time, level, base fields and those of the caller', () => {
    const { log, lines } = logger();
    log.child({ session: 'c0ffee' }).warn({ reason: 'timeout' }, 'log-in failed');
    expect(lines).toEqual([
      {
        time: expect.any(String) as string,
        level: 'warn',
        instance: 'i',
        session: 'c0ffee',
        reason: 'timeout',
        msg: 'log-in failed',
      },
    ]);
  });

  it('keeps to its level', () => {
    const { log, lines } = logger('warn');
    log.info({}, 'no');
    log.error({}, 'yes');
    expect(lines.map(({ msg }) => msg)).toEqual(['yes']);
  });

  it.each(['password', 'sql', 'query', 'values', 'token'])(
    'withholds a field named %s, also one level down',
    (name) => {
      const { log, lines } = logger();
      log.info({ [name]: 'anna@example.com', inner: { [name]: 'anna@example.com' } }, 'x');
      expect(JSON.stringify(lines)).not.toContain('anna');
    },
  );

  it('withholds the message of an error that may quote a value, and keeps name, code and stack', () => {
    const { log, lines } = logger();
    const database = Object.assign(new Error('Failing row contains (anna@example.com)'), {
      severity: 'ERROR',
      code: '23514',
    });
    let syntax: unknown;
    try {
      JSON.parse('anna@example.com');
    } catch (error) {
      syntax = error;
    }
    log.error({ error: database }, 'x');
    log.error({ error: syntax }, 'x');
    log.error({ error: new Error('outer', { cause: database }) }, 'x');
    log.error({ error: 'anna@example.com' }, 'x');
    expect(JSON.stringify(lines)).not.toContain('anna');
    expect(lines[0]).toMatchObject({ error: { name: 'Error', code: '23514', message: '[withheld]' } });
    // The stack of an error of ours leads to the mistake, that of a server's error only to where it was read.
    expect(JSON.stringify(lines[0])).not.toContain('log.test.ts');
    expect(JSON.stringify(lines[2])).toContain('log.test.ts');
  });

  it('tells the message of an error of the system', () => {
    const { log, lines } = logger();
    log.error(
      { error: Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' }) },
      'x',
    );
    expect(lines[0]).toMatchObject({
      error: { message: 'connect ECONNREFUSED 127.0.0.1:5432', code: 'ECONNREFUSED' },
    });
  });
});
