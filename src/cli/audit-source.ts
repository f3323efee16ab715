/** Which stored events a command reads: the options that say so, with the configuration behind them. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ReadFrom } from '../audit/read/read-events.js';
import type { Config } from '../config/schema.js';
import { parseDuration } from '../config/units.js';
import { configOption, loadCommandConfig } from './config-file.js';
import { CommandFailure, EXIT } from './exit.js';

export interface SourceOptions {
  readonly config?: string | undefined;
  readonly spool?: string | undefined;
  readonly redis?: string | undefined;
  readonly stream?: string | undefined;
  /** In ms since 1970. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

export interface AuditSource {
  readonly from: ReadFrom;
  readonly since: number | undefined;
  /** Exclusive. */
  readonly until: number | undefined;
  /** Absent where the flags say everything and no file was named. */
  readonly config: Config | undefined;
  /** For people: `stream "pgveil:audit"` or `spool ./var/audit`. */
  readonly name: string;
}

const DEFAULT_STREAM = 'pgveil:audit';
const DAY_MS = 86_400_000;

/** Adds the options that `auditSource` understands. */
export function withSourceOptions(command: Command): Command {
  return command
    .addOption(configOption())
    .addOption(new Option('--spool <folder>', 'read the spool in this folder').conflicts(['redis', 'stream']))
    .option('--redis <url>', 'read the stream of this Redis')
    .option('--stream <name>', `the name of the stream (default: audit.stream, ${DEFAULT_STREAM})`)
    .addOption(
      new Option('--since <time>', 'from this time on: 2026-03-01, 2026-03-01T08:00Z, or 24h ago').argParser(
        (text) => moment(text, 'start'),
      ),
    )
    .addOption(
      new Option('--until <time>', 'before this time; a date means to the end of that day').argParser(
        (text) => moment(text, 'end'),
      ),
    );
}

/** The flags go before the configuration, which is not looked at where they say enough. */
export async function auditSource(options: SourceOptions): Promise<AuditSource> {
  const { since, until } = options;
  if (since !== undefined && until !== undefined && since >= until) {
    throw new CommandFailure(EXIT.usage, '--since is not before --until, so nothing lies between them');
  }
  const said = options.spool !== undefined || options.redis !== undefined;
  const config = said && options.config === undefined ? undefined : await loadCommandConfig(options.config);
  const from = sourceOf(options, config);
  const name = from.kind === 'stream' ? `stream "${from.stream}"` : `spool ${from.directory}`;
  return { from, since, until, config, name };
}

function sourceOf(options: SourceOptions, config: Config | undefined): ReadFrom {
  if (options.spool !== undefined) return { kind: 'spool', directory: options.spool };
  const redis = options.redis ?? config?.audit.redis;
  if (redis !== undefined) {
    return { kind: 'stream', redis, stream: options.stream ?? config?.audit.stream ?? DEFAULT_STREAM };
  }
  if (options.stream !== undefined || config === undefined) {
    throw new CommandFailure(EXIT.usage, 'there is no Redis to read the stream from', {
      fix: 'set audit.redis, or give --redis URL',
    });
  }
  return { kind: 'spool', directory: config.audit.spool };
}

/** A date and time in ISO 8601, in UTC where it names no zone; or how long ago. */
function moment(text: string, edge: 'start' | 'end'): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return Date.now() - ago;
  const date = /^\d{4}-\d\d-\d\d$/.test(text);
  const zone = /(?:Z|[+-]\d\d(?::?\d\d)?)$/i.test(text.slice(10));
  const time = /^\d{4}-\d\d-\d\d(?:T|$)/.test(text) ? Date.parse(date || zone ? text : `${text}Z`) : NaN;
  if (Number.isNaN(time)) {
    throw new InvalidArgumentError(
      'write a date (2026-03-01), a time (2026-03-01T08:00Z), or how long ago (24h).',
    );
  }
  return date && edge === 'end' ? time + DAY_MS : time;
}
