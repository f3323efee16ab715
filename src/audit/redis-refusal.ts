/** What Redis means by refusing the events, and what to do; without a value. Knows Redis's own words for its errors. */

const MEANINGS: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [/^OOM/, 'Redis is full: raise its maxmemory, or let the stream be trimmed (audit.trim)'],
  [/^READONLY/, 'this Redis is a read-only replica: name the master, or its Sentinels, in audit.redis'],
  [
    /^WRONGPASS|^NOAUTH|^ERR invalid password|^ERR AUTH|NOAUTH/,
    'Redis refuses the log-in: check username and password of audit.redis',
  ],
  [
    /^NOPERM|can't run this command|^ERR ACL/,
    'the Redis user may not do this: see "Rights in Redis" in docs/audit.md for what it needs',
  ],
  [
    /^WRONGTYPE/,
    'the key holds something else than a stream, or the one of its heads no hash: remove it, or name another audit.stream',
  ],
  [/^MISCONF/, 'Redis cannot save to its disk and takes no writes: repair that disk'],
  [/^NOREPLICAS/, 'Redis has fewer replicas than its min-replicas-to-write demands'],
  [/^LOADING/, 'Redis is reading its files after a start'],
  [/^BUSY /, 'Redis is busy with a script of somebody else'],
  [/^CLUSTERDOWN/, 'the Redis Cluster does not serve the slot of the stream'],
  [/max number of clients/, 'Redis has no connection left: raise its maxclients'],
];

/** The server's own text, and what it means where that is known. */
export function explainRefusal(text: string): string {
  const meaning = MEANINGS.find(([pattern]) => pattern.test(text))?.[1];
  return meaning === undefined ? text : `${meaning} (${text})`;
}
