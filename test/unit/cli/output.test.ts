import { describe, expect, it } from 'vitest';
import pc from 'picocolors';
import { junitXml } from '../../../src/cli/output/junit.js';
import { problemsAsSarif, problemsAsText } from '../../../src/cli/output/problems.js';
import type { PolicyProblem } from '../../../src/policy/types.js';

const problem: PolicyProblem = {
  place: { file: 'policies/crm.yaml', line: 7, column: 12 },
  severity: 'error',
  code: 'unknown-column',
  text: 'public.customers.emial',
  message: 'table "public.customers" has no column "emial"',
  fix: 'write "email"',
};

describe('problems for people and tools', () => {
  it('start with file, line and column, so that editors can jump there, and end with the fix', () => {
    expect(problemsAsText([problem], pc.createColors(false))).toBe(
      'policies/crm.yaml:7:12: error: table "public.customers" has no column "emial" [unknown-column]\n' +
        '    public.customers.emial\n' +
        '    fix: write "email"\n',
    );
  });
  it('are valid results in SARIF', () => {
    expect(problemsAsSarif([problem])).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'pgveil', rules: [{ id: 'unknown-column' }] } },
          results: [
            {
              ruleId: 'unknown-column',
              ruleIndex: 0,
              level: 'error',
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: 'policies/crm.yaml' },
                    region: { startLine: 7, startColumn: 12 },
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });
});

describe('JUnit output', () => {
  it('escapes what XML would read as markup and replaces what XML forbids', () => {
    const xml = junitXml([
      { file: 'a.test.yaml', line: 2, name: 'x < "y" & z', durationMs: 12, findings: [] },
      { file: 'a.test.yaml', line: 7, name: 'bell', durationMs: 3, findings: ['row 1: \u0007<b>'] },
    ]);
    expect(xml).toContain('name="x &lt; &quot;y&quot; &amp; z" time="0.012"/>');
    expect(xml).toContain('<failure message="row 1: \ufffd&lt;b&gt;">');
    expect(xml).toContain('<testsuites tests="2" failures="1" errors="0" time="0.015">');
  });
});
