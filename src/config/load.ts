/** pgveil.yaml, environment and flags → one effective configuration that knows where each value came from. */
import { existsSync, readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { suggest } from '../policy/suggest.js';
import type { PolicyProblem } from '../policy/types.js';
import { schemaProblems } from '../policy/yaml/schema-problems.js';
import { readYaml, type YamlPath, type YamlSource } from '../policy/yaml/source.js';
import { PEM } from './checkpoints-schema.js';
import { SUBJECT_KEY_TEXT } from './subjects-schema.js';
import { environmentName, isSecret, settingPaths } from './keys.js';
import { configSchema, type Config } from './schema.js';

/** `flag --port`, `environment PGVEIL_LISTEN_PORT`, `file pgveil.yaml:3:9` or `default`, by dotted key. */
export type Origins = ReadonlyMap<string, string>;

export type ConfigOutcome =
  | { readonly ok: true; readonly config: Config; readonly origins: Origins }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export interface ConfigSources {
  /** Path of the file; absent: only environment, flags and defaults count. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By dotted key, `listen.port`. */
  readonly flags?: Readonly<Record<string, string | number | undefined>>;
}

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const last = path.at(-1)!;
  let at = tree;
  for (const step of path.slice(0, -1)) {
    let next = at[step];
    // Of a map that may be written as its URL alone, another part is set: `audit.redis` and its password.
    if (typeof next === 'string' && isShorthand(path, step)) next = at[step] = { url: next };
    if (next !== undefined && !isTree(next)) return; // The file's own value is wrong; the schema says so.
    at = (at[step] ??= {}) as Tree;
  }
  at[last] = value;
}

/** The map's URL was written in place of the map. */
function isShorthandOf(written: unknown, path: readonly string[]): boolean {
  const map = path.slice(0, -1).reduce<unknown>((at, step) => (isTree(at) ? at[step] : undefined), written);
  return path.at(-1) === 'url' && typeof map === 'string';
}

function isShorthand(path: readonly string[], step: string): boolean {
  const whole = path.slice(0, path.lastIndexOf(step) + 1).join('.');
  return settingPaths.some((one) => one.join('.') === whole);
}

function has(tree: unknown, path: readonly string[]): boolean {
  let at = tree;
  for (const step of path) {
    if (!isTree(at) || !Object.hasOwn(at, step)) return false;
    at = at[step];
  }
  return true;
}

/** Text from outside a file is read as the same text in YAML would be: 6432 is a number. A password 007 is none. */
function scalar(text: string, path: readonly string[]): unknown {
  if (isSecret(path)) return text;
  const value: unknown = parseDocument(text).toJS();
  return typeof value === 'number' || typeof value === 'boolean' ? value : text;
}

function problem(file: string, code: string, text: string, message: string, fix: string): PolicyProblem {
  return { place: { file, line: 1, column: 1 }, severity: 'error', code, text, message, fix };
}

interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly origin: string;
}

function fromEnvironment(env: Readonly<Record<string, string | undefined>>): {
  overrides: Override[];
  problems: PolicyProblem[];
} {
  const overrides: Override[] = [];
  const problems: PolicyProblem[] = [];
  for (const path of settingPaths) {
    const name = environmentName(path);
    const direct = env[name];
    const file = env[`${name}_FILE`];
    if (direct !== undefined && file !== undefined) {
      problems.push(
        problem(
          'environment',
          'duplicate-key',
          name,
          `${name} and ${name}_FILE are both set`,
          'unset one of them',
        ),
      );
    } else if (direct !== undefined) {
      overrides.push({ path, value: scalar(direct, path), origin: `environment ${name}` });
    } else if (file !== undefined) {
      try {
        const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
        overrides.push({ path, value: scalar(text, path), origin: `environment ${name}_FILE` });
      } catch (cause) {
        const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
        const message = `the file that ${name}_FILE names cannot be read (${code})`;
        problems.push(
          problem('environment', 'file', `${name}_FILE`, message, 'correct its path or its rights'),
        );
      }
    }
  }
  return { overrides, problems };
}

function fromFlags(flags: Readonly<Record<string, string | number | undefined>>): {
  overrides: Override[];
  problems: PolicyProblem[];
} {
  const overrides: Override[] = [];
  const problems: PolicyProblem[] = [];
  const known = settingPaths.map((path) => path.join('.'));
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    if (known.includes(key)) {
      const path = key.split('.');
      const read = typeof value === 'string' ? scalar(value, path) : value;
      overrides.push({ path, value: read, origin: `flag ${key}` });
    } else {
      problems.push(
        problem('flags', 'unknown-key', key, `unknown setting "${key}"`, suggest(key, known, 'setting')),
      );
    }
  }
  return { overrides, problems };
}

function readFile(file: string | undefined): { source: YamlSource } | { problems: PolicyProblem[] } {
  let text = '';
  if (file !== undefined) {
    if (!existsSync(file)) {
      const fix = 'create it, or name another file with -c';
      return { problems: [problem(file, 'file', file, 'the configuration file does not exist', fix)] };
    }
    try {
      text = readFileSync(file, 'utf8');
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
      const message = `the configuration file cannot be read (${code})`;
      return { problems: [problem(file, 'file', file, message, 'correct its path or its rights')] };
    }
  }
  const read = readYaml(file ?? 'pgveil.yaml', text);
  return read.ok ? { source: read.source } : { problems: read.problems };
}

/** Places of values that came from outside the file; a problem with one names its origin and never the value. */
function withOverrides(source: YamlSource, value: unknown, overrides: readonly Override[]): YamlSource {
  const originOf = (path: YamlPath): string | undefined =>
    overrides.findLast((one) => one.path.join('.') === path.join('.'))?.origin;
  return {
    ...source,
    value,
    placeOf: (path) => {
      const origin = originOf(path);
      return origin === undefined ? source.placeOf(path) : { file: origin, line: 1, column: 1 };
    },
    textOf: (path) => {
      if (originOf(path) !== undefined || isSecret(path)) return path.join('.');
      const text = hideUrlSecrets(source.textOf(path));
      // A map around a secret.
      return /password["']?\s*:/i.test(text) ? path.join('.') : text;
    },
  };
}

/** `postgres://user:secret@host` → `postgres://user:***@host`. */
export function hideUrlSecrets(text: string): string {
  return (
    text
      // Up to the last @ before the path, as URLs are read.
      .replace(/(:\/\/[^:@/\s]*:)[^@\s]*@(?:[^@/?#\s]*@)*/g, '$1***@')
      .replace(/([?&](?:password|sslpassword)=)[^&\s"']*/gi, '$1***')
  );
}

/** Loads the configuration. Precedence: flag, environment, file, default. */
export function loadConfig(sources: ConfigSources): ConfigOutcome {
  const file = readFile(sources.file);
  if ('problems' in file) return { ok: false, problems: file.problems };
  const environment = fromEnvironment(sources.env ?? process.env);
  const flags = fromFlags(sources.flags ?? {});
  const problems = [...environment.problems, ...flags.problems];
  const written: unknown = file.source.value ?? {};
  const merged: unknown = structuredClone(written);
  const overrides = [...environment.overrides, ...flags.overrides];
  if (isTree(merged)) for (const { path, value } of overrides) put(merged, path, value);
  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) {
    problems.push(
      ...schemaProblems(withOverrides(file.source, merged, overrides), configSchema, parsed.error),
    );
  }
  if (problems.length > 0 || !parsed.success) return { ok: false, problems };
  const origins = new Map<string, string>();
  for (const path of settingPaths) {
    const key = path.join('.');
    const override = overrides.findLast((one) => one.path.join('.') === key);
    const place = file.source.placeOf(path);
    origins.set(
      key,
      override?.origin ??
        (has(written, path) || isShorthandOf(written, path)
          ? `file ${place.file}:${place.line}:${place.column}`
          : 'default'),
    );
  }
  return { ok: true, config: parsed.data, origins };
}

/** A setting in force, without secrets. */
export interface ConfigLine {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
}

/** @param origins - undefined: nobody has kept them */
export function configFacts(config: Config, origins: Origins | undefined): ConfigLine[] {
  return settingPaths.flatMap((path) => {
    const found = path.reduce<unknown>((at, step) => (isTree(at) ? at[step] : undefined), config);
    const value =
      Array.isArray(found) && found.every((one) => typeof one === 'string') ? found.join(', ') : found;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return [];
    const name = path.join('.');
    const origin = origins === undefined ? 'unknown' : (origins.get(name) ?? 'default');
    const shown =
      isSecret(path) || String(value).startsWith(PEM) || SUBJECT_KEY_TEXT.test(String(value))
        ? '***'
        : hideUrlSecrets(String(value));
    return [{ name, value: shown, origin }];
  });
}

/** One line a setting, `key = value  (origin)`, without secrets; for `check --show-config`. */
export function showConfig(config: Config, origins: Origins): string[] {
  return configFacts(config, origins).map(({ name, value, origin }) => `${name} = ${value}  (${origin})`);
}
