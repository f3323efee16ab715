/** The policy files as one, each part with its place. Merging only; what the parts mean is checked elsewhere. */
import type { AlertEntry } from './alert-schema.js';
import type { MaskDefinition } from './masks/registry.js';
import type { PolicyDocument, PurposeEntry, RoleEntry, SessionEntry, SubjectEntry } from './document.js';
import { problemAt, type Entry } from './problems.js';
import type { PolicyProblem } from './types.js';
import type { YamlSource } from './yaml/source.js';

type Value<Key extends keyof PolicyDocument> = NonNullable<PolicyDocument[Key]>;
type Named<Key extends keyof PolicyDocument> = ReadonlyMap<string, Entry<Value<Key>[keyof Value<Key>]>>;

export interface PolicyContent {
  readonly first: Entry<PolicyDocument>;
  readonly mode: 'enforce' | 'observe';
  readonly unlabelled: Entry<'clear' | 'deny'> | undefined;
  readonly unlistedTables: Entry<'allow' | 'deny'> | undefined;
  readonly labels: Named<'labels'>;
  readonly subjects: ReadonlyMap<string, Entry<SubjectEntry>>;
  readonly masks: ReadonlyMap<string, Entry<MaskDefinition>>;
  readonly consent: Entry<Value<'consent'>> | undefined;
  readonly purposes: ReadonlyMap<string, Entry<PurposeEntry>>;
  readonly restricted: Entry<Value<'restricted'>> | undefined;
  readonly retention: Named<'retention'>;
  readonly roles: ReadonlyMap<string, Entry<RoleEntry>>;
  readonly functions: readonly string[];
  readonly sessions: readonly Entry<SessionEntry>[];
  readonly alerts: ReadonlyMap<string, Entry<AlertEntry>>;
}

export interface PolicyFile {
  readonly source: YamlSource;
  readonly document: PolicyDocument;
}

function placeText(entry: Entry<unknown>): string {
  const place = entry.source.placeOfKey(entry.path);
  return `${place.file}:${place.line}:${place.column}`;
}

/** Merges files in the order given. Whatever stands in two of them is an error that names both places. */
export function mergeFiles(files: readonly [PolicyFile, ...PolicyFile[]]): {
  content: PolicyContent;
  problems: PolicyProblem[];
} {
  const problems: PolicyProblem[] = [];
  const twice = (entry: Entry<unknown>, before: Entry<unknown>): void => {
    problems.push(
      problemAt(entry, [], {
        code: 'duplicate-key',
        message: `"${entry.path.join('.')}" stands here and at ${placeText(before)}`,
        fix: 'keep one of the two',
        key: true,
      }),
    );
  };
  const single = <Key extends keyof PolicyDocument>(key: Key): Entry<Value<Key>> | undefined => {
    let found: Entry<Value<Key>> | undefined;
    for (const { source, document } of files) {
      const value = document[key];
      if (value === undefined) continue;
      const entry: Entry<Value<Key>> = { value, source, path: [key] };
      if (found) twice(entry, found);
      else found = entry;
    }
    return found;
  };
  const named = <Item>(
    key: keyof PolicyDocument,
    pick: (document: PolicyDocument) => Readonly<Record<string, Item>> | undefined,
  ): Map<string, Entry<Item>> => {
    const found = new Map<string, Entry<Item>>();
    for (const { source, document } of files) {
      for (const [name, value] of Object.entries(pick(document) ?? {})) {
        const entry: Entry<Item> = { value, source, path: [key, name] };
        const before = found.get(name);
        if (before) twice(entry, before);
        else found.set(name, entry);
      }
    }
    return found;
  };
  const sessions = single('sessions');
  const content: PolicyContent = {
    first: { value: files[0].document, source: files[0].source, path: [] },
    mode: single('mode')?.value ?? 'enforce',
    unlabelled: single('unlabelled'),
    unlistedTables: single('unlisted_tables'),
    labels: named('labels', (document) => document.labels),
    subjects: named('subjects', (document) => document.subjects),
    masks: named('masks', (document) => document.masks),
    consent: single('consent'),
    purposes: named('purposes', (document) => document.purposes),
    restricted: single('restricted'),
    retention: named('retention', (document) => document.retention),
    roles: named('roles', (document) => document.roles),
    functions: files.flatMap((file) => file.document.functions ?? []),
    sessions: (sessions?.value ?? []).map((value, index) => ({
      value,
      source: sessions!.source,
      path: ['sessions', index],
    })),
    alerts: named('alerts', (document) => document.alerts),
  };
  return { content, problems };
}
