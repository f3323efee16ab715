import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyName, signCheckpoint } from '../../../src/audit/checkpoint.js';
import { openAuditLog } from '../../../src/audit/log.js';
import { readItems, type ReadFrom } from '../../../src/audit/read/read-events.js';
import { anchorOf } from '../../../src/audit/verify/anchor.js';
import type { FindingKind, VerifyResult } from '../../../src/audit/verify/result.js';
import { verifyEvents, type VerifyOptions } from '../../../src/audit/verify/verify.js';
import { redisServer } from '../../support/servers.js';
import { statement, success } from '../../unit/audit/samples.js';
import {
  CHAIN,
  changed,
  eventOf,
  OTHER,
  rechained,
  refitted,
  resealed,
  writeHonestLog,
  writeSpool,
  writeStream,
  type HonestLog,
  type Row,
} from './tampering.js';

const STREAM = 'verify-test:stream';
let folder: string;
let honest: HonestLog;
let redis: Redis;
let keys: NonNullable<VerifyOptions['keys']>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pgveil-verify-'));
  honest = await writeHonestLog(join(folder, 'honest'));
  keys = new Map([[keyName(honest.publicKey), honest.publicKey]]);
  redis = new Redis(redisServer().url);
});
afterAll(async () => {
  await redis.del(STREAM);
  redis.disconnect();
  rmSync(folder, { recursive: true, force: true });
});

const stream = (): ReadFrom => ({ kind: 'stream', redis: redisServer().url, stream: STREAM });
const spool = (directory = join(folder, 'tampered')): ReadFrom => ({ kind: 'spool', directory });

function verified(from: ReadFrom, options: VerifyOptions = {}): Promise<VerifyResult> {
  return verifyEvents(readItems({ from }), { keys, stream: STREAM, ...options });
}

const found = ({
  findings,
}: VerifyResult): readonly (readonly [FindingKind, string | undefined, number | undefined])[] =>
  findings.map(({ kind, chain, sequence }) => [kind, chain, sequence]);

const indexOf = (rows: readonly Row[], sequence: number, chain = CHAIN): number =>
  rows.findIndex((row) => row.instance === chain && row.sequence === sequence);

/** The rows with the one of this sequence replaced by what `by` makes of it. */
function replaced(rows: readonly Row[], sequence: number, by: (row: Row) => readonly Row[]): Row[] {
  const at = indexOf(rows, sequence);
  return [...rows.slice(0, at), ...by(rows[at]!), ...rows.slice(at + 1)];
}

const checkpointsOf = (rows: readonly Row[]): number[] =>
  rows
    .filter((row) => row.instance === CHAIN && eventOf(row).unmapped.checkpoint !== undefined)
    .map(({ sequence }) => sequence);

interface Tampering {
  readonly name: string;
  readonly tamper: (rows: readonly Row[]) => readonly Row[];
  /** What is found first. */
  readonly expected: (rows: readonly Row[]) => readonly [FindingKind, string, number];
}

const lastCheckpoint = (rows: readonly Row[]): number => checkpointsOf(rows).at(-1)!;
const strangeKey = generateKeyPairSync('ed25519').privateKey;

const fieldChanges: readonly (readonly [string, (event: ReturnType<typeof eventOf>) => void])[] = [
  ['rows from 3 to 0', (event) => (event.unmapped.rows = 0)],
  ['another user', (event) => (event.actor.user.name = 'somebody_else')],
  ['masked to clear', (event) => (event.unmapped.columns['public.customers.email'] = 'clear')],
  ['another time', (event) => (event.time += 1)],
  ['a member more', (event) => (event.unmapped['note'] = 'x')],
];

const tamperings: readonly Tampering[] = [
  {
    name: 'the first event deleted',
    tamper: (rows) => replaced(rows, 1, () => []),
    expected: () => ['late-beginning', CHAIN, 2],
  },
  {
    name: 'an event in the middle deleted',
    tamper: (rows) => replaced(rows, 5, () => []),
    expected: () => ['missing', CHAIN, 5],
  },
  {
    name: 'several events deleted',
    tamper: (rows) => [9, 10, 15].reduce<readonly Row[]>((left, one) => replaced(left, one, () => []), rows),
    expected: () => ['missing', CHAIN, 9],
  },
  ...fieldChanges.flatMap(([what, change]): Tampering[] => [
    {
      name: what,
      tamper: (rows) => replaced(rows, 7, (row) => [changed(row, change)]),
      expected: () => ['changed', CHAIN, 7],
    },
    {
      name: `${what}, and its hash computed anew`,
      tamper: (rows) => replaced(rows, 7, (row) => [resealed(row, change)]),
      expected: () => ['broken-link', CHAIN, 8],
    },
    {
      name: `${what}, and the whole chain behind it computed anew`,
      tamper: (rows) =>
        rechained(
          replaced(rows, 7, (row) => [resealed(row, change)]),
          CHAIN,
          7,
        ),
      expected: (rows) => ['checkpoint-forged', CHAIN, checkpointsOf(rows)[0]!],
    },
  ]),
  {
    name: 'the whole chain computed anew and signed by somebody else',
    tamper: (rows) =>
      rechained(
        replaced(rows, 7, (row) => [changed(row, (event) => (event.unmapped.rows = 0))]),
        CHAIN,
        7,
        strangeKey,
      ),
    expected: (rows) => ['checkpoint-other-key', CHAIN, checkpointsOf(rows)[0]!],
  },
  {
    name: 'an event inserted',
    tamper: (rows) =>
      replaced(rows, 7, (row) => [row, resealed(row, (event) => (event.metadata.uid = 'inserted'))]),
    expected: () => ['conflict', CHAIN, 7],
  },
  {
    name: 'an event inserted and all behind it numbered and chained anew',
    tamper: (rows) =>
      rechained(
        replaced(rows, 7, (row) => [row, changed(row, (event) => (event.metadata.uid = 'inserted'))]),
        CHAIN,
        8,
      ),
    expected: (rows) => ['checkpoint-forged', CHAIN, checkpointsOf(rows)[0]! + 1],
  },
  {
    name: 'two events in the opposite order',
    tamper: (rows) => {
      const at = indexOf(rows, 7);
      return [
        ...rows.slice(0, at),
        rows[at + 1]!,
        { ...rows[at]!, file: rows[at + 1]!.file },
        ...rows.slice(at + 2),
      ].map((row, index) => (index === at ? { ...row, file: rows[at]!.file } : row));
    },
    expected: () => ['reordered', CHAIN, 7],
  },
  {
    name: 'the first two events in the opposite order',
    tamper: (rows) => [rows[1]!, rows[0]!, ...rows.slice(2)],
    expected: () => ['reordered', CHAIN, 1],
  },
  {
    name: 'a copy with a change',
    tamper: (rows) => replaced(rows, 7, (row) => [row, resealed(row, (event) => (event.unmapped.rows = 0))]),
    expected: () => ['conflict', CHAIN, 7],
  },
  {
    name: 'a changed copy before the true event',
    tamper: (rows) => replaced(rows, 7, (row) => [resealed(row, (event) => (event.unmapped.rows = 0)), row]),
    expected: () => ['conflict', CHAIN, 7],
  },
  {
    name: 'the number of an event changed',
    tamper: (rows) => replaced(rows, 7, (row) => [changed(row, (event) => (event.metadata.sequence = 8))]),
    expected: () => ['changed', CHAIN, 8],
  },
  {
    name: 'an event deleted and those behind it numbered anew',
    tamper: (rows) =>
      replaced(rows, 7, () => []).map((row) =>
        row.instance === CHAIN && row.sequence > 7 ? changed(row, (event) => event.metadata.sequence--) : row,
      ),
    expected: () => ['changed', CHAIN, 7],
  },
  {
    name: 'an event deleted and the chain behind it numbered and computed anew',
    tamper: (rows) =>
      rechained(
        replaced(rows, 7, () => []),
        CHAIN,
        7,
      ),
    expected: (rows) => ['checkpoint-forged', CHAIN, checkpointsOf(rows)[0]! - 1],
  },
  {
    name: 'a checkpoint deleted',
    tamper: (rows) => replaced(rows, checkpointsOf(rows)[0]!, () => []),
    expected: (rows) => ['missing', CHAIN, checkpointsOf(rows)[0]!],
  },
  {
    name: 'all checkpoints removed and the chain computed anew',
    tamper: (rows) =>
      rechained(
        rows.filter((row) => row.instance !== CHAIN || eventOf(row).unmapped.checkpoint === undefined),
        CHAIN,
        7,
      ),
    expected: (rows) => [
      'unsigned',
      CHAIN,
      rows.filter(({ instance }) => instance === CHAIN).length - checkpointsOf(rows).length,
    ],
  },
  {
    name: 'a checkpoint signed with another key that claims to be ours',
    tamper: (rows) =>
      rechained(rows, CHAIN, lastCheckpoint(rows), strangeKey).map((row) =>
        row.instance === CHAIN && row.sequence === lastCheckpoint(rows)
          ? resealed(row, ({ unmapped }) => {
              unmapped.checkpoint = { ...unmapped.checkpoint!, key: keyName(honest.publicKey) };
            })
          : row,
      ),
    expected: (rows) => ['checkpoint-forged', CHAIN, lastCheckpoint(rows)],
  },
  {
    name: 'a checkpoint that signs another event than the one before it',
    tamper: (rows) =>
      replaced(rows, lastCheckpoint(rows), (row) => [
        resealed(row, ({ unmapped }) => {
          unmapped.checkpoint = eventOf(rows[indexOf(rows, checkpointsOf(rows)[0]!)]!).unmapped.checkpoint!;
        }),
      ]),
    expected: (rows) => ['checkpoint-forged', CHAIN, lastCheckpoint(rows)],
  },
  {
    name: 'an event written anew with its keys in another order',
    tamper: (rows) =>
      replaced(rows, 7, (row) => {
        const { time, ...rest } = eventOf(row);
        return [{ ...row, json: JSON.stringify({ time, ...rest }) }];
      }),
    expected: () => ['reserialised', CHAIN, 7],
  },
  {
    name: 'an event written anew with spaces',
    tamper: (rows) =>
      replaced(rows, 7, (row) => [{ ...row, json: JSON.stringify(eventOf(row), undefined, 1) }]),
    expected: () => ['reserialised', CHAIN, 7],
  },
  {
    name: 'a member twice, of which parsers see the last',
    tamper: (rows) =>
      replaced(rows, 7, (row) => [{ ...row, json: row.json.replace('"rows":3', '"rows":0,"rows":3') }]),
    expected: () => ['reserialised', CHAIN, 7],
  },
  {
    name: 'something that is no event',
    tamper: (rows) => replaced(rows, 7, (row) => [{ ...row, json: '{"rows":3}' }]),
    expected: () => ['unreadable', CHAIN, 7],
  },
  {
    name: 'the name beside an event exchanged for the other chain',
    tamper: (rows) => replaced(rows, 7, (row) => [{ ...row, uid: rows[indexOf(rows, 8)]!.uid }]),
    expected: () => ['entry-differs', CHAIN, 7],
  },
];

describe('a log that nobody has touched is clean', () => {
  it('as a spool of two workers, one of which has crashed', async () => {
    const result = await verified({ kind: 'spool', directory: join(folder, 'honest') });
    expect(found(result)).toEqual([]);
    expect(result).toMatchObject({ clean: true, events: honest.rows.length, duplicates: 0 });
    expect(result.chains.map(({ instance, beginning, unsigned }) => [instance, beginning, unsigned])).toEqual(
      [
        [CHAIN, 'start', 0],
        [OTHER, 'start', 0],
      ],
    );
  });

  it('as a stream with copies of a batch, and of everything', async () => {
    const { rows } = honest;
    await writeStream(redis, STREAM, [...rows.slice(0, 9), ...rows.slice(4), ...rows]);
    const result = await verified(stream());
    expect(found(result)).toEqual([]);
    expect(result).toMatchObject({ clean: true, duplicates: rows.length + 5, events: 2 * rows.length + 5 });
  });

  it('without the key, and says that no signature was checked', async () => {
    const result = await verified({ kind: 'spool', directory: join(folder, 'honest') }, { keys: new Map() });
    expect(result).toMatchObject({ clean: true, keys: [] });
    expect(result.chains[0]).toMatchObject({
      checkpoints: checkpointsOf(honest.rows).length,
      signedUpTo: undefined,
    });
  });
});

describe('tampering is found, and its place named', () => {
  // A span of nothing is too long for unsigned events: of all the tests' events there are few enough milliseconds.
  const strict: VerifyOptions = { unsignedLimitMs: -1 };

  it.each(tamperings)('in a stream: $name', async ({ tamper, expected }) => {
    await writeStream(redis, STREAM, tamper(honest.rows));
    const result = await verified(stream(), strict);
    expect(found(result)[0]).toEqual(expected(honest.rows));
    expect(result.clean).toBe(false);
    expect(result.findings[0]!.place).toMatch(/^\d+-\d+$/);
  });

  it.each(tamperings)('in a spool: $name', async ({ tamper, expected }) => {
    const rows = tamper(honest.rows);
    writeSpool(join(folder, 'tampered'), refitted(honest.headers, rows), rows);
    const result = await verified(spool(), strict);
    expect(found(result)[0]).toEqual(expected(honest.rows));
    expect(result.findings[0]!.place).toMatch(/^segment \d+ byte \d+$/);
  });

  it('whichever event of a chain is deleted, but for the last one', async () => {
    const chain = honest.rows.filter(({ instance }) => instance === CHAIN);
    for (const { sequence } of chain.slice(0, -1)) {
      const rows = replaced(honest.rows, sequence, () => []);
      writeSpool(join(folder, 'tampered'), honest.headers, rows);
      const kinds = found(await verified(spool()));
      expect([sequence, kinds.length, kinds[0]?.[0]]).toEqual([
        sequence,
        1,
        sequence === 1 ? 'late-beginning' : 'missing',
      ]);
    }
  });

  it('a chain computed anew from the first changed event on, which nothing but a signature shows', async () => {
    const rows = rechained(
      replaced(honest.rows, 7, (row) => [changed(row, (event) => (event.unmapped.rows = 0))]),
      CHAIN,
      7,
    );
    await writeStream(redis, STREAM, rows);
    expect((await verified(stream(), { keys: new Map() })).clean).toBe(true);
    expect((await verified(stream())).clean).toBe(false);
  });
});

describe('the end of a log', () => {
  it('that was cut is found with an anchor, and with nothing else', async () => {
    const anchor = anchorOf(
      (await verified({ kind: 'spool', directory: join(folder, 'honest') })).chains,
      new Date(),
    );
    const rows = honest.rows.filter(
      (row) => row.instance !== CHAIN || row.sequence < lastCheckpoint(honest.rows) - 2,
    );
    await writeStream(redis, STREAM, rows);
    expect(found(await verified(stream()))).toEqual([]);
    expect(found(await verified(stream(), { anchor }))).toEqual([
      ['anchor', CHAIN, lastCheckpoint(honest.rows)],
    ]);
    await writeStream(
      redis,
      STREAM,
      honest.rows.filter(({ instance }) => instance === CHAIN),
    );
    expect(found(await verified(stream(), { anchor }))).toEqual([
      ['anchor', OTHER, anchor.chains[OTHER]!.sequence],
    ]);
    await writeStream(redis, STREAM, honest.rows);
    expect(found(await verified(stream(), { anchor }))).toEqual([]);
  });

  it('is told from the anchored one when it was written anew', async () => {
    const anchor = anchorOf(
      (await verified({ kind: 'spool', directory: join(folder, 'honest') })).chains,
      new Date(),
    );
    const rows = rechained(honest.rows, CHAIN, 20, honest.key).map((row) => row);
    const other = rechained(
      replaced(rows, 20, (row) => [changed(row, (event) => (event.unmapped.rows = 0))]),
      CHAIN,
      20,
      honest.key,
    );
    await writeStream(redis, STREAM, other);
    expect(found(await verified(stream()))).toEqual([]);
    expect(found(await verified(stream(), { anchor }))).toEqual([
      ['anchor', CHAIN, lastCheckpoint(honest.rows)],
    ]);
  });

  it('of a stream whose newest entries were deleted is missed by its ids', async () => {
    await writeStream(redis, STREAM, honest.rows);
    const newest = await redis.xrevrange(STREAM, '+', '-', 'COUNT', 2);
    await redis.xdel(STREAM, ...newest.map(([id]) => id));
    const { findings } = await verified(stream());
    expect(findings).toMatchObject([{ kind: 'unreadable', place: newest[0]![0] }]);
  });
});

describe('the beginning of a stream', () => {
  const headsBefore = (
    id: string,
    rows: readonly (readonly [string, readonly string[]])[],
  ): Record<string, unknown> =>
    Object.fromEntries(
      rows
        .filter((row) => row[0] < id)
        .map(([, [, , , instance, , , , json]]) => {
          const { metadata, unmapped } = JSON.parse(json!) as ReturnType<typeof eventOf>;
          return [instance!, { sequence: metadata.sequence, hash: unmapped.hash }];
        }),
    );
  /** The honest log with a trim told in its last event but one, and signed in the last. */
  async function trimmed(
    copies: number,
    told: (heads: Record<string, unknown>) => object,
    key: KeyObject | 'nobody' = honest.key,
  ): Promise<VerifyResult> {
    const { rows } = honest;
    await writeStream(redis, STREAM, [...rows.slice(0, 10), ...rows.slice(10 - copies, -1)]);
    const all = await redis.xrange(STREAM, '-', '+');
    const first = all[14]![0];
    const trim = resealed(rows.at(-1)!, ({ unmapped }) => {
      delete unmapped.checkpoint;
      Object.assign(unmapped, told(headsBefore(first, all)));
    });
    const ends = key === 'nobody' ? [trim] : [trim, signedBehind(trim, key)];
    for (const { uid, instance, sequence, json } of ends) {
      const fields = ['uid', uid, 'instance', instance, 'seq', String(sequence), 'event', json];
      await redis.xadd(STREAM, '*', ...fields);
    }
    await redis.xtrim(STREAM, 'MINID', first);
    return verified(stream());
  }

  function signedBehind(row: Row, key: KeyObject): Row {
    const { hash } = eventOf(row).unmapped;
    return resealed(row, (event) => {
      const facts = { instance: row.instance, sequence: row.sequence, hash: hash!, time: event.time };
      event.metadata = { ...event.metadata, sequence: row.sequence + 1, uid: `${row.uid}-signed` };
      event.unmapped.prev = hash!;
      delete event.unmapped['trimmed'];
      event.unmapped.checkpoint = signCheckpoint(key, keyName(key), facts);
    });
  }

  it('behind a recorded trim is clean', async () => {
    const result = await trimmed(0, (instances) => ({ trimmed: { stream: STREAM, instances } }));
    expect(found(result)).toEqual([]);
    expect(result.chains.map(({ beginning }) => beginning)).toEqual(['trimmed', 'trimmed']);
  });

  it('with copies of removed events behind it is clean', async () => {
    expect(found(await trimmed(6, (instances) => ({ trimmed: { stream: STREAM, instances } })))).toEqual([]);
  });

  const recorded = (instances: object): object => ({ trimmed: { stream: STREAM, instances } });
  it.each<[string, (heads: Record<string, unknown>) => object]>([
    ['no record', () => ({})],
    ['the record of another stream', (instances) => ({ trimmed: { stream: 'another', instances } })],
    ["the record of a spool's deleted segments", (instances) => ({ expired: { segments: 1, instances } })],
    [
      'a record that ends earlier',
      (heads) => recorded({ ...heads, [CHAIN]: { sequence: 2, hash: 'a'.repeat(64) } }),
    ],
    [
      'a record of another event',
      (heads) => recorded({ ...heads, [CHAIN]: { ...(heads[CHAIN] as object), hash: 'a'.repeat(64) } }),
    ],
  ])('behind %s is a finding', async (_, told) => {
    const result = await trimmed(0, told);
    expect(found(result)[0]?.slice(0, 2)).toEqual(['late-beginning', CHAIN]);
  });

  it.each([
    ['nobody', 'nobody', 'late-beginning'],
    ['somebody else', strangeKey, 'checkpoint-other-key'],
  ] as const)(
    'behind a record that %s has signed is a finding with keys, since who can trim can tell of it',
    async (_, key, kind) => {
      const result = await trimmed(0, recorded, key);
      expect(found(result)).toContainEqual(['late-beginning', CHAIN, expect.any(Number)]);
      expect(found(result)[0]?.[0]).toBe(kind);
      expect(found(await verified(stream(), { keys: new Map() }))).toEqual([]);
    },
  );

  it('that is trimmed while it is verified is clean with keys at each look, as each record is signed before it counts', async () => {
    const { privateKey: key, publicKey } = generateKeyPairSync('ed25519');
    const target = redisServer().url;
    const name = `${STREAM}:trimmed`;
    const log = await openAuditLog({
      ...{ spoolDirectory: join(folder, 'trimmed'), durability: 'strict', version: '0' },
      checkpoints: { key, everyMs: 3_600_000 },
      redis: { target, stream: name, acceptLossy: true, trim: { length: 10, everyMs: 20 } },
    });
    const look = async (): Promise<VerifyResult> => {
      for (let count = 0; count < 10; count++) {
        const ticket = log.intent(statement());
        await ticket.ready;
        await log.outcome(ticket, statement(), success);
      }
      return verifyEvents(readItems({ from: { kind: 'stream', redis: target, stream: name } }), {
        keys: new Map([[keyName(publicKey), publicKey]]),
        stream: name,
      });
    };
    try {
      log.lifecycle({ kind: 'guard-trip', session: statement().session, table: 1, column: 1 });
      await expect.poll(() => redis.exists(name), { timeout: 10_000 }).toBe(1);
      for (let trims = 0; trims < 5;) {
        const result = await look();
        expect(result.findings).toEqual([]);
        if (result.chains[0]?.beginning === 'trimmed') trims++;
      }
    } finally {
      await log.close();
      await redis.del(name, `{${name}}:heads`, `{${name}}:trimmer`);
    }
  });
});

describe('the files of a spool', () => {
  const whole = (): string => {
    writeSpool(join(folder, 'tampered'), honest.headers, honest.rows);
    return join(folder, 'tampered');
  };
  const file = (number: number): string =>
    join(folder, 'tampered', `${String(number).padStart(12, '0')}.seg`);

  it('show any flipped bit', async () => {
    whole();
    const bytes = readFileSync(file(2));
    const step = Math.ceil(bytes.length / 24);
    for (let at = 0; at < bytes.length; at += step) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << (at % 8);
      writeFileSync(file(2), flipped);
      const { findings } = await verified(spool());
      expect([at, findings.length > 0, findings[0]?.place.startsWith('segment ')]).toEqual([at, true, true]);
    }
  });

  it('show a flipped bit in the last segment, where an unfinished write would be cut', async () => {
    const last = join(whole(), [...honest.headers.keys()].at(-1)!);
    const bytes = readFileSync(last);
    bytes[bytes.length - 3]! ^= 1;
    writeFileSync(last, bytes);
    expect((await verified(spool())).findings).toMatchObject([
      { kind: 'unreadable', place: expect.stringMatching(/^worker-2 segment \d+ byte/) as string },
    ]);
  });

  it('show two segments in each other’s place', async () => {
    whole();
    renameSync(file(2), `${file(2)}.x`);
    renameSync(file(3), file(2));
    renameSync(`${file(2)}.x`, file(3));
    const kinds = new Set(found(await verified(spool())).map(([kind]) => kind));
    expect([...kinds].sort()).toEqual(['reordered', 'segment-header']);
  });

  it('show a segment that is missing, and where', async () => {
    whole();
    unlinkSync(file(2));
    const { findings } = await verified(spool());
    expect(findings).toMatchObject([{ kind: 'missing', chain: CHAIN }]);
    expect(findings[0]!.place).toMatch(/^segment 3 byte 0$/);
  });

  it('may begin late behind shipped segments alone', async () => {
    const root = whole();
    unlinkSync(file(1));
    expect(found(await verified(spool())).map(([kind, chain]) => [kind, chain])).toEqual([
      ['late-beginning', CHAIN],
    ]);
    writeFileSync(join(root, 'cursor'), JSON.stringify({ segment: 2, offset: 0 }));
    const result = await verified(spool());
    expect(found(result)).toEqual([]);
    expect(result.chains[0]?.beginning).toBe('shipped');
    expect(result.notes[0]).toContain('verify the stream');
  });

  it('are read while the last write is half-way', async () => {
    const last = join(whole(), [...honest.headers.keys()].at(-1)!);
    const bytes = readFileSync(last);
    writeFileSync(last, bytes.subarray(0, bytes.length - 40));
    const reading = verified(spool());
    setTimeout(() => writeFileSync(last, bytes), 60);
    expect(found(await reading)).toEqual([]);
    expect(statSync(last).size).toBe(bytes.length);
  });
});

describe('an entry of the stream that pgveil does not write', () => {
  it.each<[string, readonly string[]]>([
    ['with its event twice', ['uid', 'u', 'instance', CHAIN, 'seq', '1', 'event', '{}', 'event', '{}']],
    ['without its number', ['uid', 'u', 'instance', CHAIN, 'event', '{}']],
    ['with a number in another spelling', ['uid', 'u', 'instance', CHAIN, 'seq', '01', 'event', '{}']],
  ])('%s is a finding', async (_, fields) => {
    await writeStream(redis, STREAM, honest.rows);
    const id = await redis.xadd(STREAM, '*', ...fields);
    expect((await verified(stream())).findings).toMatchObject([{ kind: 'unreadable', place: id }]);
  });

  it('with bytes that are no UTF-8 is a finding, though its text would have the same hash', async () => {
    const row = resealed(honest.rows[0]!, (event) => (event.actor.user.name = '\ufffd'));
    const bytes = Buffer.from(row.json);
    const at = bytes.indexOf(Buffer.from('\ufffd'));
    const invalid = Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff]), bytes.subarray(at + 3)]);
    await redis.del(STREAM);
    await redis.xadd(STREAM, '*', 'uid', row.uid, 'instance', CHAIN, 'seq', '1', 'event', row.json);
    expect(found(await verified(stream()))).toEqual([]);
    await redis.del(STREAM);
    await redis.xadd(STREAM, '*', 'uid', row.uid, 'instance', CHAIN, 'seq', '1', 'event', invalid);
    expect(found(await verified(stream()))).toEqual([['unreadable', CHAIN, 1]]);
  });
});
