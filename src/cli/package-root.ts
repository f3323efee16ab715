/** Where the files stand that ship beside the code: fixtures, policies, package.json. */
import { fileURLToPath } from 'node:url';

/** Absolute path of a file of this package. dist/cli/ and src/cli/ both stand two levels below its root. */
export function packageFile(relativePath: string): string {
  return fileURLToPath(new URL(`../../${relativePath}`, import.meta.url));
}
