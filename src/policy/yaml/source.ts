/**
 * A YAML text with the place of everything in it. Shared by policies and configuration.
 * It knows YAML and nothing of what the keys mean.
 */
import { LineCounter, isMap, isNode, isPair, isScalar, isSeq, parseDocument, type Document } from 'yaml';
import type { PolicyProblem, SourcePlace } from '../types.js';

export type YamlPath = readonly (string | number)[];

/** A parsed file. `value` is plain data. */
export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** Where the value at this path begins. */
  placeOf(path: YamlPath): SourcePlace;
  /** Where the key itself stands, for a complaint about the key. */
  placeOfKey(path: YamlPath): SourcePlace;
  /** The value's text as written, cut to one short line. */
  textOf(path: YamlPath): string;
}

function shorten(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}

function childOf(node: unknown, step: string | number): { key: unknown; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => (isScalar(item.key) ? String(item.key.value) : '') === String(step),
    );
    return pair && isPair(pair) ? { key: pair.key, value: pair.value } : undefined;
  }
  if (isSeq(node) && typeof step === 'number') {
    const value: unknown = node.items[step];
    return value === undefined ? undefined : { key: value, value };
  }
  return undefined;
}

/** The deepest node on the way that the text really has, so that a missing key is reported at its parent. */
function nodesAt(document: Document, path: YamlPath): { key: unknown; value: unknown } {
  let at: { key: unknown; value: unknown } = { key: document.contents, value: document.contents };
  for (const step of path) {
    const next = childOf(at.value, step);
    if (next === undefined) break;
    at = next;
  }
  return at;
}

function rangeOf(node: unknown): readonly [number, number] | undefined {
  return isNode(node) && node.range ? [node.range[0], node.range[1]] : undefined;
}

/** Parses one file's text. Syntax errors and repeated keys come back as problems. */
export function readYaml(
  file: string,
  text: string,
): { ok: true; source: YamlSource } | { ok: false; problems: PolicyProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number): SourcePlace => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const complaints = [...document.errors, ...document.warnings];
  if (complaints.length > 0) {
    return {
      ok: false,
      problems: complaints.map((error) => ({
        place: place(error.pos[0]),
        severity: 'error',
        code: error.code === 'DUPLICATE_KEY' ? 'duplicate-key' : 'yaml-syntax',
        text: shorten(text.slice(error.pos[0], Math.max(error.pos[1], error.pos[0] + 1))),
        message:
          error.code === 'DUPLICATE_KEY'
            ? 'the key stands twice in one map'
            : `not valid YAML: ${error.message}`,
        fix: error.code === 'DUPLICATE_KEY' ? 'keep one of the two' : 'correct the YAML at this place',
      })),
    };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'aliases could not be resolved';
    return {
      ok: false,
      problems: [
        {
          place: place(0),
          severity: 'error',
          code: 'yaml-syntax',
          text: file,
          message: `not valid YAML: ${message}`,
          fix: 'write the values out instead of using aliases',
        },
      ],
    };
  }
  return {
    ok: true,
    source: {
      file,
      value,
      placeOf: (path) => {
        const at = nodesAt(document, path);
        return place((rangeOf(at.value) ?? rangeOf(at.key) ?? [0, 0])[0]);
      },
      placeOfKey: (path) => place((rangeOf(nodesAt(document, path).key) ?? [0, 0])[0]),
      textOf: (path) => {
        const range = rangeOf(nodesAt(document, path).value);
        return range ? shorten(text.slice(range[0], range[1])) : '';
      },
    },
  };
}
