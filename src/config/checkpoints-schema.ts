/** `audit.checkpoints` of the configuration: who signs the audit log, and how often. Reads no file. */
import { z } from 'zod';
import { parseDuration } from './units.js';

/** What a key in PEM begins with: such a value is the key itself, as it comes from the environment. */
export const PEM = '-----BEGIN ';

export const checkpointsSchema = z.strictObject({
  /** A file, or in the environment also the key itself: an Ed25519 private key in PEM (PKCS#8). */
  key: z.string().min(1),
  every: z
    .string()
    .regex(/^\d{1,6} ?(s|m|min|h)$/, 'is no duration; write for example 60s or 5m')
    .transform((text) => parseDuration(text) ?? 0)
    .refine((ms) => ms >= 1_000 && ms <= 86_400_000, 'is too short or too long; write 1s to 24h')
    .prefault('60s'),
});
