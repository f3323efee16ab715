/** An honest audit log to tamper with: two chains, a crash, checkpoints, copies; and it written anew as stream or spool. */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import serialize from 'canonicalize';
import type { Redis } from 'ioredis';
import { keyName, signCheckpoint } from '../../../src/audit/checkpoint.js';
import { openAuditLog } from '../../../src/audit/log.js';
import { decodeRecord, encodeRecord, recordKind } from '../../../src/audit/spool-format.js';
import { statement, success } from '../../unit/audit/samples.js';

export interface Row {
  readonly uid: string;
  readonly instance: string;
  readonly sequence: number;
  readonly json: string;
  /** The file below the root that it stands in. */
  readonly file: string;
}

export interface HonestLog {
  readonly rows: readonly Row[];
  /** Headers of the segments by file. */
  readonly headers: ReadonlyMap<string, string>;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

export const CHAIN = 'first';
export const OTHER = 'second';
const EVENTS = 24;

/** Small segments, a checkpoint in the middle, and at both ends of each life; the first one crashes once. */
export async function writeHonestLog(root: string): Promise<HonestLog> {
  const { privateKey: key, publicKey } = generateKeyPairSync('ed25519');
  const live = async (directory: string, instance: string, count: number): Promise<void> => {
    const log = await openAuditLog({
      spoolDirectory: directory,
      durability: 'strict',
      version: '0',
      instance,
      limits: { segmentBytes: 16_000 },
      checkpoints: { key, everyMs: 3_600_000 },
    });
    for (let at = 0; at < count; at++) {
      const ticket = log.intent(statement());
      await ticket.ready;
      await log.outcome(ticket, statement(), success);
    }
    // The last one of the first life has no outcome, as after a crash; an orderly end would sign behind it.
    if (instance === CHAIN && count === EVENTS / 2) await log.intent(statement()).ready;
    await log.close();
  };
  await live(root, CHAIN, EVENTS / 2);
  await live(root, CHAIN, EVENTS);
  await live(join(root, 'worker-2'), OTHER, EVENTS / 2);
  const rows: Row[] = [];
  const headers = new Map<string, string>();
  for (const folder of ['', 'worker-2']) {
    for (const name of readdirSync(join(root, folder))
      .filter((one) => one.endsWith('.seg'))
      .sort()) {
      const file = join(folder, name);
      const bytes = readFileSync(join(root, file));
      let instance = '';
      for (let at = 0; at < bytes.length;) {
        const decoded = decodeRecord(bytes, at);
        if (decoded.kind !== 'record') throw new Error('bug: the honest log is damaged');
        const { kind, uid, sequence, json } = decoded.record;
        if (kind === recordKind.header) {
          headers.set(file, json);
          ({ instance } = JSON.parse(json) as { instance: string });
        } else if (kind === recordKind.event) rows.push({ uid, instance, sequence, json, file });
        at = decoded.next;
      }
    }
  }
  return { rows, headers, key, publicKey };
}

/** As a spool below `root`, which is emptied. */
export function writeSpool(root: string, headers: ReadonlyMap<string, string>, rows: readonly Row[]): void {
  rmSync(root, { recursive: true, force: true });
  for (const [file, header] of headers) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    const records = rows
      .filter((row) => row.file === file)
      .map(({ uid, sequence, json }) =>
        encodeRecord({ kind: recordKind.event, uid, sequence, time: 1, json }),
      );
    const first = encodeRecord({ kind: recordKind.header, uid: '', sequence: 0, time: 1, json: header });
    writeFileSync(join(root, file), Buffer.concat([first, ...records]));
  }
}

/** As a stream, which is emptied. The chains take turns, as two workers ship. */
export async function writeStream(redis: Redis, stream: string, rows: readonly Row[]): Promise<void> {
  const pipeline = redis.pipeline().del(stream);
  const chains = [CHAIN, OTHER].map((name) =>
    rows.filter(({ file }) => file.startsWith('worker') === (name === OTHER)),
  );
  for (let at = 0; at < rows.length; at++) {
    for (const chain of chains) {
      const row = chain[at];
      if (row === undefined) continue;
      const { uid, instance, sequence, json } = row;
      pipeline.xadd(stream, '*', 'uid', uid, 'instance', instance, 'seq', String(sequence), 'event', json);
    }
  }
  await pipeline.exec();
}

export interface Event {
  [member: string]: unknown;
  metadata: { sequence: number; uid: string };
  actor: { user: { name: string } };
  time: number;
  unmapped: {
    [member: string]: unknown;
    instance: string;
    hash?: string;
    prev: string;
    rows: number;
    columns: Record<string, string>;
    checkpoint?: ReturnType<typeof signCheckpoint>;
  };
}

/** The row with a change in its event, and its old hash. */
export function changed(row: Row, change: (event: Event) => void): Row {
  const event = JSON.parse(row.json) as Event;
  change(event);
  return { ...row, sequence: event.metadata.sequence, uid: event.metadata.uid, json: serialize(event)! };
}

/** The same with the hash that belongs to it. */
export function resealed(row: Row, change: (event: Event) => void = () => undefined): Row {
  return changed(row, (event) => {
    change(event);
    delete event.unmapped.hash;
    event.unmapped.hash = createHash('sha256').update(serialize(event)!).digest('hex');
  });
}

export function eventOf(row: Row): Event {
  return JSON.parse(row.json) as Event;
}

/** Computes a chain anew from `from` on: numbers, links, hashes, and what checkpoints say; with `key` also signatures. */
export function rechained(rows: readonly Row[], chain: string, from: number, key?: KeyObject): Row[] {
  let prev = '0'.repeat(64);
  let sequence = 0;
  return rows.map((row) => {
    if (eventOf(row).unmapped.instance !== chain) return row;
    sequence++;
    if (sequence < from) {
      prev = eventOf(row).unmapped.hash!;
      return row;
    }
    const made = resealed(row, (event) => {
      event.metadata.sequence = sequence;
      event.unmapped.prev = prev;
      const { checkpoint } = event.unmapped;
      if (checkpoint === undefined) return;
      const facts = { instance: chain, sequence: sequence - 1, hash: prev, time: event.time };
      event.unmapped.checkpoint =
        key === undefined
          ? { ...checkpoint, sequence: facts.sequence, hash: facts.hash }
          : signCheckpoint(key, keyName(key), facts);
    });
    prev = eventOf(made).unmapped.hash!;
    return made;
  });
}

/** Headers that fit the rows: what somebody writes who computes a chain anew. */
export function refitted(headers: ReadonlyMap<string, string>, rows: readonly Row[]): Map<string, string> {
  const fitted = new Map<string, string>();
  let last: { instance: string; sequence: number; prev: string } | undefined;
  for (const [file, json] of headers) {
    const header = JSON.parse(json) as { instance: string; sequence: number; prev: string };
    const head = last?.instance === header.instance ? last : { sequence: 0, prev: '0'.repeat(64) };
    fitted.set(file, JSON.stringify({ ...header, sequence: head.sequence, prev: head.prev }));
    const newest = rows.filter((row) => row.file === file).at(-1);
    last =
      newest === undefined
        ? { instance: header.instance, sequence: head.sequence, prev: head.prev }
        : { instance: header.instance, sequence: newest.sequence, prev: eventOf(newest).unmapped.hash! };
  }
  return fitted;
}
