import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../../src/cli/launch/free-port.js';
import { run, start } from './run.js';

async function ports(): Promise<Record<string, string>> {
  return { PGVEIL_LISTEN_PORT: String(await freePort()), PGVEIL_ADMIN_PORT: String(await freePort()) };
}

const demoFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('pgveil-demo-'));

describe('pgveil demo', () => {
  it('--once checks its own claims and ends with 0, within 100 columns', { timeout: 120_000 }, async () => {
    const result = await run(['demo', '--once'], { env: await ports() });
    expect(result.stdout).toMatch(/✓ \d+ claims checked, all true/);
    expect(result.code).toBe(0);
    expect(result.stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });

  it(
    'runs until Ctrl-C, says how to connect, and leaves no folder behind',
    { timeout: 120_000 },
    async () => {
      const before = demoFolders();
      const env = await ports();
      const demo = start(['demo'], { env });
      await demo.until('Ctrl-C stops everything', 90_000);
      for (const login of ['crm_admin:admin', 'crm_support:support', 'crm_marketing:marketing']) {
        expect(demo.stdout()).toContain(
          `psql "postgres://${login}@127.0.0.1:${env['PGVEIL_LISTEN_PORT']}/crm"`,
        );
      }
      demo.child.kill('SIGINT');
      // npm hands a Ctrl-C on that the terminal has already sent.
      await sleep(100);
      demo.child.kill('SIGINT');
      expect((await demo.finished).code).toBe(0);
      expect(demoFolders().filter((name) => !before.includes(name))).toEqual([]);
    },
  );

  it('says which port is taken and how to choose another', { timeout: 60_000 }, async () => {
    const env = await ports();
    const squatter = createServer().listen(Number(env['PGVEIL_LISTEN_PORT']), '127.0.0.1');
    const result = await run(['demo', '--once'], { env });
    squatter.close();
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/port \d+ on 127\.0\.0\.1.*is not free[^]*PGVEIL_LISTEN_PORT=/);
  });
});
