/** The file in which `audit verify` keeps the heads of all chains from one run to the next. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseAnchor, type Anchor } from '../audit/verify/anchor.js';
import { CommandFailure, EXIT } from './exit.js';

/** Undefined: there is none yet. */
export function readAnchor(file: string): Anchor | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    if (code === 'ENOENT') return undefined;
    throw new CommandFailure(EXIT.usage, `the anchor ${file} cannot be read (${code})`, { cause });
  }
  const anchor = parseAnchor(text);
  if (anchor !== undefined) return anchor;
  throw new CommandFailure(EXIT.usage, `${file} is no anchor that pgveil has written`, {
    fix: 'restore it from a copy; to begin anew, and without proof of what was there before, remove it',
  });
}

/** Whole or not at all. */
export function writeAnchor(file: string, anchor: Anchor): void {
  try {
    writeFileSync(`${file}.new`, `${JSON.stringify(anchor, undefined, 2)}\n`);
    renameSync(`${file}.new`, file);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unwritable';
    throw new CommandFailure(
      EXIT.findings,
      `the log is clean, but the anchor ${file} cannot be written (${code})`,
      {
        cause,
      },
    );
  }
}
