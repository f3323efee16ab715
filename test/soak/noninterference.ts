/**
 * Random statements through two proxies, before databases that differ only in what the policy hides: every byte that
 * comes back must be the same, results, errors, notices and row counts alike (DESIGN 1, Noninterference).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { passwords, type TestDatabase } from '../support/databases.js';
import { crmPolicy } from '../support/governed.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { Conversation, readable } from './conversation.js';
import { plannerSettings } from './planner-settings.js';
import { Random } from './random.js';
import { randomScript, type Script } from './scripts.js';

export type GovernedRole = 'support' | 'marketing';

export interface Leak {
  readonly seed: number;
  readonly settings: string;
  readonly script: string;
  readonly first: string;
  readonly second: string;
}

export interface SoakResult {
  readonly statements: number;
  readonly rows: number;
  readonly errors: number;
  readonly refused: number;
  /** How often each refusal was met, by its message. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly leaks: readonly Leak[];
}

export interface SoakOptions {
  readonly seed: number;
  readonly statements: number;
  /** One script per seed. */
  readonly script?: (random: Random) => Script;
  /** Stops at the first leak, for mutants. */
  readonly untilLeak?: boolean;
  readonly onProgress?: (done: number) => void;
}

/** So many statements share a connection and its planner settings. */
const BATCH = 40;

/** Rolled-back writes would make the server analyse the tables of one database a moment before those of the other. */
const withoutAutovacuum = `
  DO $$ DECLARE name regclass; BEGIN
    FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
      EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)', name);
    END LOOP;
  END $$`;

/** Two proxies over copies of the sample CRM, the second changed by SQL of the DBA's. */
export class Pair {
  private readonly version: 15 | 18;
  private readonly policies: string;
  private readonly proxies: readonly [Proxy, Proxy];

  private constructor(version: 15 | 18, policies: string, proxies: readonly [Proxy, Proxy]) {
    this.version = version;
    this.policies = policies;
    this.proxies = proxies;
  }

  /** `difference` is what only the second database gets, `both` each of them; both as a superuser. */
  static async start(
    version: 15 | 18,
    difference: string,
    options: { readonly policy?: string; readonly both?: string } = {},
  ): Promise<Pair> {
    const folder = mkdtempSync(join(tmpdir(), 'pgveil-soak-'));
    writeFileSync(join(folder, 'policy.yaml'), options.policy ?? crmPolicy);
    const start = async (sql: string): Promise<Proxy> => {
      const setup = async (db: TestDatabase): Promise<void> => {
        await db.query(withoutAutovacuum, 'postgres');
        if (options.both !== undefined) await db.query(options.both, 'postgres');
        if (sql !== '') await db.query(sql, 'postgres');
      };
      return startProxy(version, { policies: folder, durability: 'relaxed', setup });
    };
    return new Pair(version, folder, [await start(''), await start(difference)]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.stop()));
    rmSync(this.policies, { recursive: true, force: true });
  }

  /** From here on each database has the statistics of its own rows. */
  async analyse(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.db.query('ANALYZE', 'postgres')));
  }

  /** Each statement has a seed of its own, counted up from the first. */
  async soak(role: GovernedRole, options: SoakOptions): Promise<SoakResult> {
    const settings = plannerSettings(this.version);
    const counts = { statements: 0, rows: 0, errors: 0, refused: 0 };
    const refusals: Record<string, number> = {};
    const leaks: Leak[] = [];
    for (let done = 0; done < options.statements; done += BATCH) {
      const chosen = settings[Math.floor(done / BATCH) % settings.length]!;
      const [first, second] = await Promise.all(
        this.proxies.map(async (proxy) => this.connect(proxy, role, chosen)) as unknown as [
          Promise<Conversation>,
          Promise<Conversation>,
        ],
      );
      for (let i = done; i < Math.min(done + BATCH, options.statements); i += 1) {
        const seed = options.seed + i;
        const script = (options.script ?? randomScript)(new Random(seed));
        const [one, other] = await Promise.all([first.run(script), second.run(script)]);
        counts.statements += 1;
        const { kind, refusal } = outcome(one);
        counts[kind] += 1;
        if (refusal !== undefined) refusals[refusal] = (refusals[refusal] ?? 0) + 1;
        if (one === other) continue;
        leaks.push({
          seed,
          settings: JSON.stringify(chosen),
          script: textOf(script),
          first: readable(one),
          second: readable(other),
        });
        if (options.untilLeak === true) break;
      }
      first.close();
      second.close();
      if (options.untilLeak === true && leaks.length > 0) break;
      options.onProgress?.(counts.statements);
    }
    return { ...counts, refusals, leaks };
  }

  /** A new log-in gets the settings that the DBA gives the role in this database. */
  private async connect(
    proxy: Proxy,
    role: GovernedRole,
    settings: Readonly<Record<string, string>>,
  ): Promise<Conversation> {
    const user = `crm_${role}` as const;
    const database = proxy.db.name;
    const alter = `ALTER ROLE ${user} IN DATABASE ${database}`;
    // RESET ALL would take search_path along, which a mutant's database sets for the role.
    const path = await proxy.db.query(
      `SELECT coalesce((SELECT c FROM pg_db_role_setting s, unnest(setconfig) c WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND setrole = '${user}'::regrole AND c LIKE 'search_path=%'), '') AS path`,
    );
    const kept = (path.rows[0] as { path: string }).path.replace(/^search_path=/, '');
    const changes = Object.entries(settings).map(([name, value]) => `${alter} SET ${name} = '${value}';`);
    await proxy.db.query(
      `${alter} RESET ALL; ${changes.join(' ')} ${kept === '' ? '' : `${alter} SET search_path = ${kept};`}`,
    );
    const { host, port } = proxy.settings(user) as { host: string; port: number };
    return Conversation.open({ host, port }, { user, database, password: passwords[user] });
  }
}

/** By the first error of the script, if there is one. */
function outcome(transcript: string): {
  readonly kind: 'rows' | 'errors' | 'refused';
  readonly refusal?: string;
} {
  const error = transcript.split('\n').find((line) => line.startsWith('E '));
  if (error === undefined) return { kind: 'rows' };
  const fields = Buffer.from(error.slice(2), 'hex').toString('utf8').split('\0');
  const message = fields.find((field) => field.startsWith('Mpgveil: '));
  if (message === undefined || !fields.includes('C42501')) return { kind: 'errors' };
  return { kind: 'refused', refusal: message.slice('Mpgveil: '.length) };
}

function textOf(script: Script): string {
  return script.steps
    .map((step) => (step.kind === 'simple' ? step.sql : `${step.sql} -- ${JSON.stringify(step.parameters)}`))
    .join(';\n');
}
