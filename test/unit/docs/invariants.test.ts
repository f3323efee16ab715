/** Each invariant that the code names stands in ARCHITECTURE.md with its test, and each test file named there exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const table = readFileSync('ARCHITECTURE.md', 'utf8')
  .split('\n## Invariants\n')[1]!
  .split('\n## ')[0]!
  .split('\n')
  .filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| name '))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const listed = table.flatMap(([, names = '']) => names.split(', '));
const sources = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
const named = new Set(
  sources.flatMap((text) => [...text.matchAll(/INVARIANT\(([a-z-]+)\)/g)].map((match) => match[1]!)),
);

describe('the invariants', () => {
  it.each([...named])('%s stands in ARCHITECTURE.md', (name) => {
    expect(listed).toContain(name);
  });

  it.each(table.flatMap((row) => [...(row[4] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]!)))(
    'are tested in %s, which exists',
    (name) => {
      const paths = [`test/${name}`, `test/integration/${name}`];
      expect(paths.some((path) => existsSync(path) || existsSync(`${path}.test.ts`))).toBe(true);
    },
  );
});
