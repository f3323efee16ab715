/**
 * The tags of a sqlcommenter comment (https://google.github.io/sqlcommenter/spec/): key='value' pairs, URL-encoded,
 * separated by commas. The client writes them, so they are claims, and bounded.
 */
import { byteStringToText } from './byte-string.js';
import type { ByteString } from './types.js';

const limits = { comment: 4096, tags: 32, key: 64, value: 256 } as const;

/**
 * The tags of a comment, the first of each key; none at all when the comment has another form or is out of bounds,
 * so that half a comment is never taken for a whole one.
 */
export function sqlcommenterTags(comment: ByteString | undefined): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  if (comment === undefined || comment.length > limits.comment) return tags;
  const text = byteStringToText(comment);
  const pair = /\s*([^\s=,']+)\s*=\s*'((?:[^'\\]|\\.)*)'\s*(,|$)/gy;
  for (let at = 0; at < text.length; at = pair.lastIndex) {
    const match = pair.exec(text);
    const key = decode(match?.[1]);
    const value = decode(match?.[2]);
    const acceptable =
      key !== undefined && value !== undefined && key.length <= limits.key && value.length <= limits.value;
    if (!acceptable || tags.size === limits.tags) return new Map();
    if (!tags.has(key)) tags.set(key, value);
  }
  return tags;
}

/** Undoes the meta-character escape, then the URL encoding. */
function decode(encoded: string | undefined): string | undefined {
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded.replace(/\\(.)/g, '$1'));
  } catch {
    return undefined;
  }
}
