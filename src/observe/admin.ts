/**
 * The admin listener: /metrics, /healthz and /readyz over HTTP. Knows nothing of what it is asked about: the checks are
 * functions it is given.
 */
import { serve, type ServerType } from '@hono/node-server';
import { Hono } from 'hono';

export interface CheckResult {
  readonly ok: boolean;
  /** What is wrong, or a figure; no values. */
  readonly detail?: string;
}

export type Check = () => CheckResult | Promise<CheckResult>;

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  /** What /metrics shows. */
  readonly registry: { metrics(): Promise<string>; readonly contentType: string };
  /** Named as /readyz shows them. */
  readonly checks: Readonly<Record<string, Check>>;
  readonly checkTimeoutMs?: number;
}

export interface AdminServer {
  readonly host: string;
  /** The one bound, when port 0 was asked for. */
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** The routes, without a listener. */
export function adminApp(options: Pick<AdminOptions, 'registry' | 'checks' | 'checkTimeoutMs'>): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/readyz', async (context) => {
    const checks = await runChecks(options.checks, options.checkTimeoutMs ?? 2_000);
    const ready = Object.values(checks).every((check) => check.ok);
    return context.json({ status: ready ? 'ready' : 'not ready', checks }, ready ? 200 : 503);
  });
  app.get('/metrics', async (context) => {
    const text = await options.registry.metrics();
    return context.body(text, 200, { 'content-type': options.registry.contentType });
  });
  app.notFound((context) => context.json({ error: 'not found; try /metrics, /healthz or /readyz' }, 404));
  // An error's text could hold anything; the log has it.
  app.onError((_, context) => context.json({ error: 'internal error' }, 500));
  return app;
}

/** Listens; rejects with a sentence when the port cannot be had. */
export function startAdmin(options: AdminOptions): Promise<AdminServer> {
  return new Promise((resolve, reject) => {
    const server = serve(
      { fetch: adminApp(options).fetch, hostname: options.host, port: options.port },
      (address) => {
        server.off('error', failed);
        const host = options.host.includes(':') ? `[${options.host}]` : options.host;
        resolve({
          host: options.host,
          port: address.port,
          url: `http://${host}:${address.port}`,
          stop: () => stop(server),
        });
      },
    );
    const failed = (error: NodeJS.ErrnoException): void => reject(listenError(options, error));
    server.once('error', failed);
  });
}

/** The answers of all checks; one that fails or takes too long has not passed. */
export async function runChecks(
  checks: AdminOptions['checks'],
  timeoutMs: number,
): Promise<Record<string, CheckResult>> {
  const entries = Object.entries(checks).map(
    async ([name, check]) => [name, await runCheck(check, timeoutMs)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function runCheck(check: Check, timeoutMs: number): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, detail: `no answer within ${timeoutMs} ms` }), timeoutMs);
  });
  try {
    return await Promise.race([Promise.resolve().then(check), late]);
  } catch {
    // FAIL-CLOSED: a check that cannot be made has not passed.
    return { ok: false, detail: 'check failed' };
  } finally {
    clearTimeout(timer);
  }
}

function listenError(options: AdminOptions, error: NodeJS.ErrnoException): Error {
  const where = `${options.host}:${options.port}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process listens there: stop it or set admin.port',
    EACCES: 'this port needs privileges: set admin.port to one above 1023',
    EADDRNOTAVAIL: 'this machine has no such address: set admin.host',
  };
  const reason = reasons[error.code ?? ''] ?? `${error.code ?? error.name}: check admin.host and admin.port`;
  return new Error(`admin endpoint cannot listen on ${where}; ${reason}`, { cause: error });
}

function stop(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
}
