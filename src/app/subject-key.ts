/** Reads the key behind the HMACs of data subjects, or makes one that stays beside the audit spool. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { subjectKeyOf } from '../audit/subject-key.js';
import type { Config } from '../config/schema.js';
import { SUBJECT_KEY_TEXT } from '../config/subjects-schema.js';
import { secretFile } from './secret-file.js';

/** In the folder of audit.spool. */
const NAME = 'subject.key';

export interface SubjectKey {
  readonly key: Buffer;
  /** It was made at this start, here. */
  readonly madeAt: string | undefined;
}

export function subjectKey({ audit }: Config): SubjectKey {
  const setting = audit.subjects.key;
  if (setting === undefined) {
    const path = join(audit.spool, NAME);
    const { secret, made } = secretFile(path, () => Buffer.from(randomBytes(32).toString('hex')));
    return { key: subjectKeyOf(secret, path), madeAt: made ? path : undefined };
  }
  if (SUBJECT_KEY_TEXT.test(setting)) return { key: Buffer.from(setting), madeAt: undefined };
  try {
    return { key: subjectKeyOf(readFileSync(setting), setting), madeAt: undefined };
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    throw new Error(
      `the key of audit.subjects.key cannot be read (${String(cause.code)}): correct the path ${setting} or its rights`,
      { cause },
    );
  }
}
