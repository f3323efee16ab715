/** The dotted names of all settings, and how each is spelled as an environment variable. */
import { z } from 'zod';
import { configSchema } from './schema.js';

function unwrap(schema: unknown): unknown {
  let current = schema;
  while (
    current instanceof z.ZodOptional ||
    current instanceof z.ZodDefault ||
    current instanceof z.ZodPrefault
  ) {
    current = current.unwrap();
  }
  return current;
}

function leaves(schema: unknown, path: readonly string[]): (readonly string[])[] {
  const here = unwrap(schema);
  if (here instanceof z.ZodUnion) {
    // A text, or a map for what the text cannot say: both can be set.
    const map = here.options.map(unwrap).find((option) => option instanceof z.ZodObject);
    return map === undefined ? [path] : [path, ...leaves(map, path)];
  }
  if (!(here instanceof z.ZodObject)) return [path];
  return Object.entries(here.shape).flatMap(([key, value]) => leaves(value, [...path, key]));
}

/** Every setting that takes a value. */
export const settingPaths: readonly (readonly string[])[] = leaves(configSchema, []);

/** Never shown, and never read as anything but text. */
export function isSecret(path: readonly (string | number)[]): boolean {
  return path.at(-1) === 'password';
}

/** `listen.port` → `PGVEIL_LISTEN_PORT`. */
export function environmentName(path: readonly string[]): string {
  return `PGVEIL_${path.join('_').toUpperCase()}`;
}
