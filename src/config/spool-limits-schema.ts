/** `audit.spool_limits` of the configuration: how large a spool may get and how long its segments stay. */
import { z } from 'zod';
import { parseByteSize, parseDuration } from './units.js';

const MAX_SEGMENT = 256 * 1024 ** 2;
const MAX_BYTES = 1024 ** 5;
/** A spool of fewer segments would wait for the segment that it is writing. */
const LEAST_SEGMENTS = 4;

const size = (fallback: string, least: number, most: number, words: string) =>
  z
    .union([z.string(), z.int()])
    .transform((value, refinement) => {
      const bytes = parseByteSize(String(value));
      if (bytes !== undefined && bytes >= least && bytes <= most) return bytes;
      refinement.addIssue({ code: 'custom', message: `is no usable size; write ${words}` });
      return z.NEVER;
    })
    .prefault(fallback);

const duration = z
  .string()
  .regex(/^\d{1,9} ?(s|m|min|h|d)$/, 'is no duration; write for example 12h or 90d')
  .transform((text) => parseDuration(text) ?? 0)
  .refine((ms) => ms >= 1_000, 'is too short; write 1s or more');

export const spoolLimitsSchema = z
  .strictObject({
    /** Of one worker's folder. Reached, it refuses statements (strict) or holds events (relaxed). */
    bytes: size('10GiB', 1024 ** 2, MAX_BYTES, 'for example 500MiB or 10GiB'),
    /** A segment is closed at this size, */
    segment: size('16MiB', 64 * 1024, MAX_SEGMENT, '64KiB to 256MiB'),
    /** or at this age. */
    segment_age: duration.prefault('1d'),
    /** Closed segments are deleted once they are older; with Redis shipped ones alone. */
    age: duration.optional(),
  })
  .superRefine(({ bytes, segment }, refinement) => {
    if (bytes >= LEAST_SEGMENTS * segment) return;
    refinement.addIssue({
      code: 'custom',
      path: ['bytes'],
      message: `is less than ${LEAST_SEGMENTS} segments; raise it or lower segment`,
    });
  });
