/** Names each part of a program for the recorder, and says at the end what ran and which parts failed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const failures = [];
let done = 0;

export async function step(name, work) {
  const control = process.env.CONTROL_URL;
  if (control) await fetch(control + encodeURIComponent(name));
  try {
    await work();
    done += 1;
  } catch (error) {
    failures.push(`${name}: ${error.code ?? ''} ${String(error.message ?? error).replace(/\s+/g, ' ')}`);
  }
}

/** A step that has to be rolled back by its own program. */
export class RollBack extends Error {}

export async function rolledBack(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
}

export function finish(library, driver = 'pg') {
  const version = (name) =>
    JSON.parse(readFileSync(join('..', 'node_modules', name, 'package.json'), 'utf8')).version;
  for (const failure of failures) console.error(`FAILED ${failure}`);
  console.error(`${library}: ${done} steps done, ${failures.length} failed`);
  console.log(JSON.stringify({ library, version: version(library), driver: `${driver} ${version(driver)}` }));
  process.exit(failures.length > 0 && process.env.CONTROL_URL ? 1 : 0);
}
