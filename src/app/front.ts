/**
 * What stands before the stations, be they in this process or in several: the admin endpoint, the watch over the files of
 * policies and certificates, and an orderly end. It opens no session and loads nothing itself.
 */
import type { Config } from '../config/schema.js';
import { type AdminOptions, startAdmin } from '../observe/admin.js';
import type { Logger } from '../observe/log.js';
import type { PolicyProblem } from '../policy/types.js';
import { encryptionFiles } from './encryption.js';
import { tellClosing } from './tell-closing.js';
import { filesSeen, watchFiles } from './watch-files.js';

export interface App {
  readonly ports: { readonly proxy: number; readonly admin: number };
  /** Loads the policies again; the problems for which those in force were kept, or none. */
  reload(): Promise<readonly PolicyProblem[]>;
  /**
   * Sessions may finish their transactions within `graceMs`; then everything is closed and the spool is synced.
   * A second call without grace hastens the first.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** One process's stations, or the crew of several. */
export interface Behind extends Pick<AdminOptions, 'registry'> {
  /** Resolves when clients can connect. */
  listen(): Promise<{
    readonly host: string;
    readonly port: number;
    readonly checks: AdminOptions['checks'];
  }>;
  /** Tells the log of its own failures. */
  reload(): Promise<readonly PolicyProblem[]>;
  /** A second call with less grace hastens the first. */
  close(graceMs: number): Promise<void>;
}

export interface FrontOptions {
  readonly logger: Logger;
  /** How often the files are looked at; 0 never. */
  readonly watchMs: number | undefined;
  /** How the files looked before they were read (filesToWatch). */
  readonly seen: string;
  /** Further facts for the line that says that clients may come. */
  readonly facts?: Readonly<Record<string, number>>;
}

/** How policies and certificates look now: to be asked before they are read. */
export function filesToWatch(config: Config): string {
  return filesSeen(config.policies, encryptionFiles(config));
}

/** Resolves when clients can connect; closes what is behind where that cannot be. */
export async function openFront(config: Config, behind: Behind, options: FrontOptions): Promise<App> {
  const { logger, seen, facts, watchMs = 1_000 } = options;
  try {
    const { host, port, checks } = await behind.listen();
    const admin = await startAdmin({ ...config.admin, registry: behind.registry, checks });
    const changed = (): void => {
      behind.reload().catch(() => undefined); // Already told.
    };
    const watch =
      watchMs === 0
        ? undefined
        : watchFiles(config.policies, watchMs, changed, encryptionFiles(config), seen);
    logger.info(
      {
        listen: `${host}:${port}`,
        admin: admin.url,
        upstream: `${config.upstream.host}:${config.upstream.port}`,
        ...facts,
      },
      'pgveil accepts connections',
    );
    let closing: Promise<void> | undefined;
    return {
      ports: { proxy: port, admin: admin.port },
      reload: () => behind.reload(),
      close({ graceMs = 0 } = {}) {
        watch?.close();
        // Health is answered until the end, so that whoever watches sees the drain.
        const closed = behind.close(graceMs);
        closing ??= tellClosing(
          closed.finally(() => admin.stop()),
          graceMs,
          logger,
        );
        return closing;
      },
    };
  } catch (error) {
    await behind.close(0);
    throw error;
  }
}
