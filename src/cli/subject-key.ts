/** The key that HMACs of data subjects are made with, for a command that asks about one of them. Makes none. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { subjectKey } from '../app/subject-key.js';
import { subjectKeyOf } from '../audit/subject-key.js';
import type { AuditSource } from './audit-source.js';
import { CommandFailure, EXIT, reasonOf } from './exit.js';

const NAME = 'subject.key';

export function subjectKeyFor(file: string | undefined, { config, from }: AuditSource): Buffer {
  const beside = config?.audit.spool ?? (from.kind === 'spool' ? from.directory : undefined);
  const path = file ?? (beside === undefined ? undefined : join(beside, NAME));
  try {
    if (file === undefined && config?.audit.subjects.key !== undefined) return subjectKey(config).key;
    // A key that was made now would fit no event, and the answer would be that nobody has seen anything.
    if (path !== undefined && existsSync(path)) return subjectKeyOf(readFileSync(path), path);
  } catch (error) {
    throw new CommandFailure(EXIT.config, reasonOf(error), { cause: error });
  }
  throw new CommandFailure(
    EXIT.config,
    path === undefined
      ? 'the key that the proxies make HMACs of subjects with is not known'
      : `there is no key of subjects in ${path}`,
    { fix: 'give --key-file with a copy of the key that the proxies use (audit.subjects.key)' },
  );
}
