/** Which settings of a Redis server lose events that it has acknowledged, for people (DESIGN 7). */

/** Warnings for people about settings under which the server forgets acknowledged events. */
export function settingWarnings(settings: ReadonlyMap<string, string>): string[] {
  const warnings = [];
  if (settings.get('appendonly') === 'no') {
    warnings.push(
      'Redis has appendonly off: events it has acknowledged are lost when it crashes; set "appendonly yes"',
    );
  }
  const policy = settings.get('maxmemory-policy');
  if (policy?.startsWith('allkeys') === true) {
    warnings.push(
      `Redis has maxmemory-policy "${policy}": it may evict the whole audit stream; set "maxmemory-policy noeviction"`,
    );
  }
  return warnings;
}
