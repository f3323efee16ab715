/** What a configuration may say, and whoever says it should know what it means for log-ins. Reads nothing. */
import type { Config } from '../config/schema.js';

export interface ConfigWarning {
  /** As in pgveil.yaml, dotted. */
  readonly key: string;
  readonly message: string;
  readonly fix: string;
}

export function authenticationWarnings({ auth, catalog, upstream }: Config): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const urls = [
    ['auth.verifiers.url', auth.verifiers?.url, 'the verifiers of all users come'],
    ['catalog.url', catalog.url, 'the structure of the database comes'],
  ] as const;
  for (const [key, url, what] of urls)
    if (url !== undefined && isInTheClear(url))
      warnings.push({
        key,
        message: `${what} unencrypted from another machine, and its log-in goes there so`,
        fix: 'add ?sslmode=verify-full&sslrootcert=… to the URL',
      });
  const tls = upstream.tls;
  if (auth.verifiers === undefined && tls?.cert !== undefined && tls.mode !== 'disable')
    warnings.push({
      key: 'upstream.tls.cert',
      message:
        "with auth.mode passthrough the server sees pgveil's certificate in place of each client's: where pg_hba.conf takes it for a log-in (cert), anybody gets in who names such a user",
      fix: 'use auth.mode scram, or have pg_hba.conf ask for the password as well (clientcert=verify-ca)',
    });
  return warnings;
}

/** FAIL-CLOSED: a URL that cannot be read is told. */
function isInTheClear(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { hostname, searchParams } = new URL(text);
  const host = searchParams.get('host') ?? hostname;
  if (host === '' || host === 'localhost' || host === '[::1]' || /^(127\.|%2f|\/)/i.test(host)) return false;
  const mode = searchParams.get('sslmode');
  return (mode === null || mode === 'disable') && !/^(true|1)$/.test(searchParams.get('ssl') ?? '');
}
