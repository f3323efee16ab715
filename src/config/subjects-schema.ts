/** `audit.subjects` of the configuration: the key behind the HMACs of data subjects, and how many an event holds. */
import { z } from 'zod';

/** As `openssl rand -hex 32` prints it: such a value is the key itself, as it comes from the environment. */
export const SUBJECT_KEY_TEXT = /^[0-9a-f]{64}$/i;

export const subjectsSchema = z.strictObject({
  /** A file, or in the environment also the key itself. Absent: a key that pgveil makes beside the spool. */
  key: z.string().min(1).optional(),
  limit: z.int().min(1).max(100_000).default(1000),
});
