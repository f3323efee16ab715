/** `pgveil audit verify`: is the audit log whole and unaltered? */
import { InvalidArgumentError, type Command } from 'commander';
import { parseDuration } from '../../config/units.js';
import { readAnchor, writeAnchor } from '../anchor-file.js';
import { auditSource, withSourceOptions, type SourceOptions } from '../audit-source.js';
import { CommandFailure, EXIT, reasonOf, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { verifyText } from '../output/verify-text.js';
import { showProgress } from '../progress.js';
import { publicKeys } from '../public-keys.js';

interface VerifyCommandOptions extends SourceOptions {
  readonly publicKey: readonly string[];
  readonly anchor: string | undefined;
  readonly allowUnsigned: number;
  readonly format: 'text' | 'json';
}

export function registerVerify(audit: Command, io: Io, done: (code: ExitCode) => void): void {
  withSourceOptions(audit.command('verify'))
    .description('verify hashes, chains, signatures and completeness of the audit log')
    .option(
      '--public-key <file>',
      'check checkpoints with this key; may be given more than once (default: the configured key)',
      (file: string, files: readonly string[]) => [...files, file],
      [] as readonly string[],
    )
    .option('--anchor <file>', 'demand the ends of all chains as this file knows them, and note the new ones')
    .option(
      '--allow-unsigned <duration>',
      'with a key: how long the events behind the last checkpoint may span',
      duration,
      3_600_000,
    )
    .addOption(
      audit.createOption('--format <format>', 'text, or json').choices(['text', 'json']).default('text'),
    )
    .action(async (options: VerifyCommandOptions) => {
      done(await verify(io, options));
    });
}

async function verify(io: Io, options: VerifyCommandOptions): Promise<ExitCode> {
  const { anchor: anchorFile } = options;
  const window = options.since !== undefined || options.until !== undefined;
  if (anchorFile !== undefined && window) {
    throw new CommandFailure(EXIT.usage, '--anchor is about whole chains; leave out --since and --until');
  }
  const source = await auditSource(options);
  const { from, since, until } = source;
  if (from.kind === 'spool' && window) {
    throw new CommandFailure(EXIT.usage, 'a spool is verified whole; leave out --since and --until');
  }
  const keys = publicKeys(options.publicKey, source.config);
  const anchor = anchorFile === undefined ? undefined : readAnchor(anchorFile);
  const { readItems } = await import('../../audit/read/read-events.js');
  const { verifyEvents } = await import('../../audit/verify/verify.js');
  const progress = showProgress(io, 'events verified');
  let result;
  try {
    result = await verifyEvents(
      readItems({ from, since, shippedUntil: until, onProgress: progress.update }),
      {
        keys,
        anchor,
        window: since !== undefined,
        stream: from.kind === 'stream' ? from.stream : undefined,
        unsignedLimitMs: options.allowUnsigned,
      },
    );
  } catch (error) {
    throw new CommandFailure(EXIT.findings, `nothing is proven: ${reasonOf(error)}`, {
      cause: error,
      fix: 'check the address or the folder, and that it may be read; then verify again',
    });
  } finally {
    progress.end();
  }
  const notes = [...result.notes, ...notesOf(result.chains, keys.size, anchorFile, anchor === undefined)];
  const told = { source: source.name, ...result, notes };
  io.out(
    options.format === 'json'
      ? `${JSON.stringify(told, undefined, 2)}\n`
      : verifyText(told, source.name, io.colours),
  );
  if (anchorFile !== undefined && result.clean) {
    const { anchorOf } = await import('../../audit/verify/anchor.js');
    writeAnchor(anchorFile, anchorOf(result.chains, new Date()));
  }
  return result.clean ? EXIT.fine : EXIT.findings;
}

/** What this run could not look at, for want of a file. */
function notesOf(
  chains: readonly { readonly checkpoints: number }[],
  keys: number,
  anchorFile: string | undefined,
  anchorIsNew: boolean,
): string[] {
  const notes = [];
  if (keys === 0 && chains.some(({ checkpoints }) => checkpoints > 0)) {
    notes.push(
      'the signatures of the checkpoints were not checked: give --public-key; a chain that was computed anew as a whole looks whole',
    );
  }
  if (anchorFile === undefined) {
    notes.push('a tail that was cut cannot be seen from the log alone: keep an anchor (--anchor FILE)');
  } else if (anchorIsNew) {
    notes.push(
      `there was no anchor ${anchorFile} yet: the ends of the chains were not compared with anything`,
    );
  }
  return notes;
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('write a duration: 90m, 24h.');
  return ms;
}
