/**
 * The anchor: the heads of all chains at one moment, kept where nobody who can write the log can write. The end of a chain
 * cannot be seen from the chain itself, so only this shows that a tail was cut.
 */
import { z } from 'zod';
import type { ChainResult } from './result.js';

const schema = z.strictObject({
  version: z.literal(1),
  written: z.iso.datetime(),
  chains: z.record(
    z.string(),
    z.strictObject({
      sequence: z.int().positive(),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      time: z.number(),
    }),
  ),
});

export type Anchor = z.infer<typeof schema>;

/** Undefined: the text is no anchor. */
export function parseAnchor(text: string): Anchor | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function anchorOf(chains: readonly ChainResult[], written: Date): Anchor {
  return {
    version: 1,
    written: written.toISOString(),
    chains: Object.fromEntries(chains.map(({ instance, last }) => [instance, { ...last }])),
  };
}
