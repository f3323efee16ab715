import { afterEach, describe, expect, it } from 'vitest';
import { startAdmin, type AdminServer, type Check } from '../../../src/observe/admin.js';
import { createMetrics } from '../../../src/observe/metrics.js';

const running: AdminServer[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(checks: Readonly<Record<string, Check>> = {}, port = 0): Promise<AdminServer> {
  const { registry } = createMetrics({ version: '0.1.0' });
  const server = await startAdmin({ host: '127.0.0.1', port, registry, checks, checkTimeoutMs: 50 });
  running.push(server);
  return server;
}

describe('the admin endpoints', () => {
  it('/metrics is Prometheus text', async () => {
    const response = await fetch(`${(await start()).url}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toContain('pgveil_build_info{version="0.1.0"');
  });

  it('/healthz says that the process lives, whatever the checks say', async () => {
    const server = await start({ upstream: () => ({ ok: false }) });
    const response = await fetch(`${server.url}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  });

  it('/readyz is 200 while every check passes', async () => {
    const server = await start({
      upstream: () => ({ ok: true }),
      audit: () => Promise.resolve({ ok: true, detail: 'lag 0 s' }),
    });
    const response = await fetch(`${server.url}/readyz`);
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: 'ready', checks: { upstream: { ok: true }, audit: { ok: true, detail: 'lag 0 s' } } },
    ]);
  });

  it('/readyz is 503 and names what fails, throws or does not answer', async () => {
    const server = await start({
      good: () => ({ ok: true }),
      bad: () => ({ ok: false, detail: 'catalog is 90 s old' }),
      broken: () => Promise.reject(new Error('secret')),
      slow: () => new Promise(() => undefined),
    });
    const response = await fetch(`${server.url}/readyz`);
    expect([response.status, await response.json()]).toEqual([
      503,
      {
        status: 'not ready',
        checks: {
          good: { ok: true },
          bad: { ok: false, detail: 'catalog is 90 s old' },
          broken: { ok: false, detail: 'check failed' },
          slow: { ok: false, detail: 'no answer within 50 ms' },
        },
      },
    ]);
  });

  it('anything else is 404', async () => {
    expect((await fetch(`${(await start()).url}/`)).status).toBe(404);
  });

  it('a port in use is told with what to do', async () => {
    const first = await start();
    await expect(start({}, first.port)).rejects.toThrow(
      `admin endpoint cannot listen on 127.0.0.1:${first.port}; another process listens there: stop it or set admin.port`,
    );
  });
});
