/** JUnit's XML, as CI servers read it. Knows results, not how they came about. */

export interface CaseResult {
  readonly file: string;
  /** Where the test begins. */
  readonly line: number;
  readonly name: string;
  readonly durationMs: number;
  /** Empty: passed. */
  readonly findings: readonly string[];
}

export function junitXml(results: readonly CaseResult[]): string {
  const files = [...new Set(results.map((result) => result.file))];
  const suites = files.map((file) =>
    suiteXml(
      file,
      results.filter((result) => result.file === file),
    ),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${totals(results)}>\n${suites.join('')}</testsuites>\n`;
}

function suiteXml(file: string, results: readonly CaseResult[]): string {
  const cases = results.map((result) => {
    const head = `    <testcase classname="${escapeXml(file)}" name="${escapeXml(result.name)}" time="${seconds(result.durationMs)}"`;
    if (result.findings.length === 0) return `${head}/>\n`;
    const first = escapeXml(result.findings[0] ?? '');
    return `${head}>\n      <failure message="${first}">${escapeXml(result.findings.join('\n'))}</failure>\n    </testcase>\n`;
  });
  return `  <testsuite name="${escapeXml(file)}"${totals(results)}>\n${cases.join('')}  </testsuite>\n`;
}

function totals(results: readonly CaseResult[]): string {
  const failures = results.filter((result) => result.findings.length > 0).length;
  const time = results.reduce((sum, result) => sum + result.durationMs, 0);
  return ` tests="${results.length}" failures="${failures}" errors="0" time="${seconds(time)}"`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** XML 1.0 allows no control characters but tab and line ends, not even as references (XML 1.0, 2.2). */
function escapeXml(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- the class names exactly what XML forbids
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll('\n', '&#10;')
  );
}
