/**
 * The tags of a sqlcommenter comment (https://google.github.io/sqlcommenter/spec/): key='value' pairs, URL-encoded,
 * separated by commas. The client writes them, so they are claims, and bounded: nobody can tell whether a value in them is
 * a person's, so only keys whose meaning is known are kept, and each in the form that it should have.
 */
import { byteStringToText } from './byte-string.js';
import type { ByteString } from './types.js';

const limits = { comment: 4096, tags: 32, key: 64, value: 256 } as const;

/** The keys of the specification, and the actor of SPEC 3; how each value is kept, undefined: not at all. */
const known: Readonly<Record<string, (value: string) => string | undefined>> = {
  action: asWritten,
  actor: asWritten,
  application: asWritten,
  controller: asWritten,
  db_driver: asWritten,
  framework: asWritten,
  route: routePattern,
  // https://www.w3.org/TR/trace-context/#traceparent-header
  traceparent: (value) =>
    /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value) ? value : undefined,
  tracestate: (value) => (/^[\w*/@-]+=[!-~]*(?:,[\w*/@-]+=[!-~]*)*$/.test(value) ? value : undefined),
};

function asWritten(value: string): string {
  return value;
}

/** A route names no request: what should be a placeholder in it and is none becomes one. */
function routePattern(value: string): string {
  const [path = ''] = value.split(/[?#]/, 1);
  return path
    .split('/')
    .map((part) => (/^\d|^[0-9a-f-]{16,}$|[@%\s]/i.test(part) && !/^%[sdi]$/.test(part) ? '?' : part))
    .join('/');
}

/**
 * The tags of a comment, the first of each key; none at all when the comment has another form or is out of bounds,
 * so that half a comment is never taken for a whole one.
 */
export function sqlcommenterTags(comment: ByteString | undefined): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  if (comment === undefined || comment.length > limits.comment) return tags;
  const text = byteStringToText(comment);
  const pair = /\s*([^\s=,']+)\s*=\s*'((?:[^'\\]|\\.)*)'\s*(,|$)/gy;
  let pairs = 0;
  for (let at = 0; at < text.length; at = pair.lastIndex) {
    const match = pair.exec(text);
    const key = decode(match?.[1]);
    const value = decode(match?.[2]);
    const acceptable =
      key !== undefined && value !== undefined && key.length <= limits.key && value.length <= limits.value;
    if (!acceptable || pairs === limits.tags) return new Map();
    pairs += 1;
    const kept = Object.hasOwn(known, key) ? known[key]!(value) : undefined;
    if (kept !== undefined && !tags.has(key)) tags.set(key, kept);
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
