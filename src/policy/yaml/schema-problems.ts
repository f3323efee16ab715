/**
 * Turns zod's issues into problems that name file, line, column, the offending text and the fix.
 * It knows schemas in general and none in particular.
 */
import { z } from 'zod';
import { suggest } from '../suggest.js';
import type { PolicyProblem } from '../types.js';
import type { YamlPath, YamlSource } from './source.js';

type Issue = z.core.$ZodIssue;

function pathOf(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((step) => (typeof step === 'symbol' ? String(step) : step));
}

/** The wrapped schema of optional, default, pipe and the like. */
function unwrap(schema: unknown): unknown {
  let current = schema;
  for (;;) {
    if (
      current instanceof z.ZodOptional ||
      current instanceof z.ZodDefault ||
      current instanceof z.ZodNullable ||
      current instanceof z.ZodPrefault
    ) {
      current = current.unwrap();
    } else if (current instanceof z.ZodPipe) {
      current = current.def.in;
    } else {
      return current;
    }
  }
}

/** Schemas that may stand at a path; several where a union leads there. */
function schemasAt(schema: unknown, path: YamlPath): unknown[] {
  const here = unwrap(schema);
  if (here instanceof z.ZodUnion) return here.options.flatMap((option) => schemasAt(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return [here];
  if (here instanceof z.ZodObject) return schemasAt(here.shape[String(step)], rest);
  if (here instanceof z.ZodRecord) return schemasAt(here.valueType, rest);
  if (here instanceof z.ZodArray) return schemasAt(here.element, rest);
  return [];
}

function knownKeys(schema: unknown, path: YamlPath, value: unknown): string[] {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  const objects = schemasAt(schema, path).filter((one) => one instanceof z.ZodObject);
  const matching = objects.filter((one) => {
    const tag = unwrap(one.shape['kind']);
    return kind === undefined || !(tag instanceof z.ZodLiteral) || tag.values.has(kind as string);
  });
  return [...new Set(matching.flatMap((one) => Object.keys(one.shape)))];
}

/** Of a union's branches the one that was meant: its shape fits and only something inside it is wrong. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) =>
    issues.every((one) => !(one.code === 'invalid_type' && one.path.length === 0)),
  );
}

function valueAt(value: unknown, path: YamlPath): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[String(step)];
  }
  return current;
}

function plainText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

const words: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function problemsOf(source: YamlSource, schema: unknown, issue: Issue, base: YamlPath): PolicyProblem[] {
  const path = [...base, ...pathOf(issue.path)];
  const name = path.length === 0 ? 'the file' : `"${path.join('.')}"`;
  const make = (code: string, message: string, fix: string): PolicyProblem => ({
    place: source.placeOf(path),
    severity: 'error',
    code,
    text: source.textOf(path),
    message,
    fix,
  });
  // Our own messages are written "what is wrong; what to do", zod's never are.
  const [ownMessage, ownFix] = issue.message.split('; ', 2);
  const absent = valueAt(source.value, path) === undefined;
  if (ownMessage !== undefined && ownFix !== undefined && !(absent && issue.code === 'invalid_value')) {
    return [make('bad-value', `${name}: ${ownMessage}`, ownFix)];
  }
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(schema, path, valueAt(source.value, path));
      return issue.keys.map((key) => ({
        place: source.placeOfKey([...path, key]),
        severity: 'error',
        code: 'unknown-key',
        text: key,
        message: `unknown key "${key}"${path.length === 0 ? '' : ` in ${name}`}`,
        fix: suggest(key, known, 'key'),
      }));
    }
    case 'invalid_union': {
      const meant = meantBranch(issue.errors);
      if (meant !== undefined && meant.length > 0) {
        return meant.flatMap((one) => problemsOf(source, schema, one, path));
      }
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
      if (options.length > 0) {
        const text = plainText(valueAt(source.value, path));
        return [make('bad-value', `${name} has no such choice`, suggest(text, options, 'choice'))];
      }
      const expected = issue.errors
        .flat()
        .map((one) => (one.code === 'invalid_type' ? (words[one.expected] ?? one.expected) : one.message));
      return [
        make('bad-value', `${name} has the wrong form`, `write ${[...new Set(expected)].join(' or ')} here`),
      ];
    }
    case 'invalid_type': {
      const expected = words[issue.expected] ?? issue.expected;
      if (valueAt(source.value, path) === undefined) {
        return [make('missing-key', `${name} is missing`, `add it: it is ${expected}`)];
      }
      return [make('bad-value', `${name} must be ${expected}`, `write ${expected} here`)];
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const text = plainText(valueAt(source.value, path));
      if (text === '') return [make('missing-key', `${name} is missing`, `add it: ${values.join(' or ')}`)];
      return [make('bad-value', `${name} has no such choice`, suggest(text, values, 'choice'))];
    }
    default: {
      return [make('bad-value', `${name}: ${issue.message}`, 'correct the value')];
    }
  }
}

/** Every problem of a failed parse, in the order of the file. */
export function schemaProblems(source: YamlSource, schema: z.ZodType, error: z.ZodError): PolicyProblem[] {
  return error.issues
    .flatMap((issue) => problemsOf(source, schema, issue, []))
    .sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
}
