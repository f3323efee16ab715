/**
 * A policy set as a flat map from the path of each rule to a short text, so that two versions can be compared long after
 * their files are gone. Pure. It goes into the audit log, so constants of masks and conditions stand in it as digests, and
 * keys and tokens not at all.
 */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { PolicyContent } from './content.js';
import type { RoleEntry, SessionEntry } from './document.js';
import type { MaskDefinition } from './masks/registry.js';
import { parseColumnName } from './names.js';

/** Where a rule stands, from the section down, and what it says. */
interface Rule {
  readonly path: readonly string[];
  readonly text: string;
}

type Section = Exclude<keyof PolicyContent, 'first'>;

/** Above this the deepest rules are told together, by their number and a digest; sections are few, so it always fits. */
const MAX_BYTES = 128 * 1024;
const MAX_TEXT = 300;
/** Parameters of masks that say how much of a value stays and hold nothing that could be one. */
const OPEN_PARAMETERS = new Set(['keep_first', 'keep_last', 'keep_v4', 'keep_v6', 'to', 'size']);

/** Path → text, in the order of the paths. Equal content gives equal maps, and other content another one. */
export function ruleTexts(content: PolicyContent, maxBytes = MAX_BYTES): Readonly<Record<string, string>> {
  let rules = Object.values(sections).flatMap((rulesOf) => rulesOf(content));
  for (let depth = deepest(rules) - 1; depth > 0 && bytesOf(rules) > maxBytes; depth--) {
    rules = foldedTo(depth, rules);
  }
  const found = rules.map(({ path, text }) => [path.join('.'), shortened(text)] as const);
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A section without an entry here does not compile, so that no rule can change unseen. */
const sections = {
  mode: ({ mode }) => [rule(['mode'], mode)],
  unlabelled: ({ unlabelled }) => optional(['unlabelled'], unlabelled?.value),
  unlistedTables: ({ unlistedTables }) => optional(['unlisted_tables'], unlistedTables?.value),
  labels: ({ labels }) =>
    [...labels].flatMap(([label, { value }]) => {
      const columns = Array.isArray(value) ? value : value.columns;
      return [
        ...columns.map((column) => rule(['columns', ...columnPath(column)], label)),
        ...optional(['labels', inner(label), 'dpv'], Array.isArray(value) ? undefined : value.dpv),
      ];
    }),
  subjects: ({ subjects }) =>
    [...subjects].map(([table, { value }]) =>
      rule(['subjects', table], 'key' in value ? `key ${value.key}` : `${value.through} to ${value.to}`),
    ),
  masks: ({ masks }) => [...masks].map(([name, { value }]) => rule(['masks', name], maskText(value))),
  consent: ({ consent }) =>
    consent === undefined
      ? []
      : members(['consent'], { ...consent.value, given: consent.value.given.join(', ') }),
  purposes: ({ purposes }) =>
    [...purposes].flatMap(([name, { value }]) =>
      members(['purposes', inner(name)], { ...value, when: digestOf(value.when) }),
    ),
  restricted: ({ restricted }) =>
    restricted === undefined
      ? []
      : members(['restricted'], {
          when: digestOf(restricted.value.when),
          except: restricted.value.except?.join(', '),
        }),
  retention: ({ retention }) =>
    [...retention].map(([table, { value }]) =>
      rule(['retention', table], `${value.column} keep ${value.keep}`),
    ),
  roles: ({ roles }) =>
    [...roles].flatMap(([name, { value }]) => {
      const { purposes, masks = {}, rows = {}, deny, limits = {}, ...others } = value;
      const at = ['roles', inner(name)];
      return [
        rule([...at, 'purposes'], purposes.join(', ')),
        ...Object.entries(masks).map(([label, use]) => rule([...at, 'masks', label], maskUse(use))),
        ...Object.entries(rows).map(([table, condition]) =>
          rule([...at, 'rows', table], digestOf(condition)!),
        ),
        ...optional([...at, 'deny'], deny?.join(', ')),
        ...members([...at, 'limits'], limits),
        ...members(at, others),
      ];
    }),
  functions: ({ functions }) => [...new Set(functions)].map((name) => rule(['functions', name], 'allowed')),
  sessions: ({ sessions }) =>
    sessions.map(({ value }, index) => rule(['sessions', String(index + 1)], sessionText(value))),
  alerts: ({ alerts }) => [...alerts].flatMap(([name, { value }]) => members(['alerts', inner(name)], value)),
} satisfies Record<Section, (content: PolicyContent) => readonly Rule[]>;

function rule(path: readonly string[], text: string): Rule {
  return { path, text };
}

function optional(path: readonly string[], text: string | undefined): Rule[] {
  return text === undefined ? [] : [rule(path, text)];
}

type Word = string | number | boolean | readonly string[] | undefined;

function members(path: readonly string[], values: Readonly<Record<string, Word>>): Rule[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [rule([...path, name], String(value))],
  );
}

/** `email_partial where=equality write=keep`. */
function wordsOf(first: string, others: Readonly<Record<string, Word>>): string {
  return [first, ...pairs(others)].join(' ');
}

function pairs(values: Readonly<Record<string, Word>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const text = String(value);
    return `${name}=${/[\s="]/.test(text) ? JSON.stringify(text) : text}`;
  });
}

function maskUse(use: NonNullable<RoleEntry['masks']>[string]): string {
  if (typeof use === 'string') return use;
  const { mask, ...modes } = use;
  return wordsOf(mask, modes);
}

function maskText(definition: MaskDefinition): string {
  const open: Record<string, Word> = {};
  const closed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(definition)) {
    if (name === 'kind' || value === undefined) continue;
    if (OPEN_PARAMETERS.has(name)) open[name] = value as string | number;
    else closed[name] = value;
  }
  const rest = Object.keys(closed).length === 0 ? '' : ` ${digest(canonicalize(closed) ?? '')}`;
  return `${wordsOf(definition.kind, open)}${rest}`;
}

function sessionText({ claims, address, may, ...others }: SessionEntry): string {
  const words: Record<string, Word> = {
    ...others,
    address: address === undefined ? undefined : String(address),
    may: may?.join(','),
    claims:
      typeof claims === 'object'
        ? `token ${claims.token.jwks} ${claims.token.issuer} ${claims.token.audience}`
        : claims,
  };
  return pairs(words).join(' ');
}

/** Names as events have them, so that a reader finds the label of an event's column. */
function columnPath(text: string): readonly [string, string] {
  const found = parseColumnName(text);
  if (found === undefined) return [inner(text), ''];
  const path = found.path.map((key) => `->${JSON.stringify(key)}`).join('');
  return [`${inner(found.schema)}.${inner(found.name)}`, `${inner(found.column)}${path}`];
}

/** A name with a dot could be taken for two steps of the path. */
function inner(name: string): string {
  return /^[^."]+$/.test(name) ? name : JSON.stringify(name);
}

function digestOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : digest(text);
}

function digest(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 40)}… ${digest(text)}`;
}

function deepest(rules: readonly Rule[]): number {
  return rules.reduce((most, { path }) => Math.max(most, path.length), 0);
}

function bytesOf(rules: readonly Rule[]): number {
  return rules.reduce(
    (sum, { path, text }) => sum + Buffer.byteLength(path.join('.')) + Buffer.byteLength(shortened(text)) + 6,
    0,
  );
}

/** Rules below the depth become one for each place at that depth. */
function foldedTo(depth: number, rules: readonly Rule[]): Rule[] {
  const deeper = new Map<string, { path: readonly string[]; rules: Rule[] }>();
  const kept: Rule[] = [];
  for (const each of rules) {
    if (each.path.length <= depth) {
      kept.push(each);
      continue;
    }
    const path = each.path.slice(0, depth);
    const group = deeper.get(path.join('.')) ?? { path, rules: [] };
    group.rules.push(each);
    deeper.set(path.join('.'), group);
  }
  const folded = [...deeper.values()].map((group) => {
    const texts = group.rules.map(({ path, text }) => JSON.stringify([path, text])).sort();
    return rule(group.path, `${texts.length} rules ${digest(texts.join('\n'))}`);
  });
  return [...kept, ...folded];
}
