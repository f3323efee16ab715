/** The threat model names a test for each channel; a row without one, or with one that is gone, would be a promise that nothing keeps. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const text = readFileSync('docs/threat-model.md', 'utf8');
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:-|channel )/.test(line))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .map(([, channel = '', defence = '', tests = '']) => ({ channel, defence, tests }));

/** `integration/limits` is test/integration/limits.test.ts, or the folder, or files that begin so; `-json` repeats the name before it up to its last dash. */
function isThere(name: string): boolean {
  const path = name.startsWith('whole/') ? `test/integration/${name}` : `test/${name}`;
  if (existsSync(path) || existsSync(`${path}.test.ts`)) return true;
  const slash = path.lastIndexOf('/');
  const folder = path.slice(0, slash);
  return (
    existsSync(folder) && readdirSync(folder).some((file) => file.startsWith(`${path.slice(slash + 1)}-`))
  );
}

describe('the threat model', () => {
  it('lists its channels', () => {
    expect(rows.length).toBeGreaterThan(40);
  });

  it.each(rows)('names a defence and tests that exist for: $channel', ({ defence, tests }) => {
    expect(defence).not.toBe('');
    const names = [...tests.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
    expect(names).not.toEqual([]);
    let before = '';
    for (const name of names) {
      const full = name.startsWith('-') ? before.replace(/-[^-/]*$/, name) : name;
      if (!name.startsWith('-')) before = name;
      expect(isThere(full), full).toBe(true);
    }
  });
});
