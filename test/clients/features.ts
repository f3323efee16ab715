/** What every client is asked to do, and how its program says whether it could. docs/clients.md tells it to people. */

/** In the order in which a program reports them. */
export const features = [
  'connect',
  'tls',
  'channel-binding',
  'parameters',
  'prepared',
  'binary',
  'cursors',
  'copy',
  'errors',
  'transactions',
  'cancel',
  'listen',
  'masked',
  'disconnect',
] as const;

export type Feature = (typeof features)[number];

/** One line of a program's output: what came of one feature, and why where it is not ok. */
export interface FeatureResult {
  readonly feature: Feature;
  readonly result: 'ok' | 'fail' | 'n/a';
  readonly why?: string;
}

/** Reads one line of a program's output; undefined when it is none of ours, which is the program's mistake. */
export function readFeatureLine(line: string): FeatureResult | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { feature, result, why } = value as Readonly<Record<string, unknown>>;
  const known = features.find((one) => one === feature);
  if (known === undefined) return undefined;
  if (result === 'ok') return { feature: known, result };
  // A reason belongs to everything else: "it failed" helps nobody, and "n/a" without one hides a failure.
  if ((result === 'fail' || result === 'n/a') && typeof why === 'string' && why !== '')
    return { feature: known, result, why };
  return undefined;
}
