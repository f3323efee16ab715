/**
 * Conversations of real clients (test/transcripts), cut at every byte of either side and in pieces of every size: a
 * session ends cleanly wherever its client or its server goes, and where the pieces of a message end changes nothing.
 * Every cut goes through the sockets of a listener; only the server is made up, and says again what a real one said.
 * To stay within seconds, the fourth and later messages of a type, and those of the session that is audited by connection
 * alone, go through the sockets at every sixteenth byte; the framers have every byte of all of them.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, type MockInstance, test, vi } from 'vitest';
import { buildFrameTables, type FrameTables } from '../../../src/session/frame-tables.js';
import { defaultLimits } from '../../../src/session/ports.js';
import { decodeBackend } from '../../../src/wire/backend-message.js';
import { decodeFrontend } from '../../../src/wire/frontend-message.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { Random } from '../../soak/random.js';
import { run as runFramer } from '../../unit/wire/framer-harness.js';
import * as s from '../session/support.js';
import { connect, readTranscripts, startReplay, type Replay, type Transcript } from './replay.js';
import { cutFrames, tryDecode } from './support.js';

const transcripts = readTranscripts();

describe.each(['crm_support', 'postgres', 'crm_admin'] as const)('recorded conversations of %s', (user) => {
  const governed = user === 'crm_support';
  /** Audited by connection alone: the bytes go through, and nobody reads statements. */
  const raw = user === 'crm_admin';
  let complaints: MockInstance;
  let replay: Replay;
  let proxy: s.Proxy;

  beforeAll(async () => {
    complaints = vi.spyOn(console, 'error');
    replay = await startReplay(transcripts);
    proxy = await s.startProxy(replay);
  });
  afterAll(async () => {
    await proxy.stop();
    await replay.stop();
    complaints.mockRestore();
  });
  afterEach(async () => {
    await expect.poll(() => proxy.connections, { interval: 5 }).toBe(0);
    // Where the listener's logger tells of a bug.
    expect(complaints).not.toHaveBeenCalled();
    expect(reasons().filter((reason) => /bug/.test(reason))).toEqual([]);
    const count = (what: string): number => proxy.audit.order.filter((line) => line.startsWith(what)).length;
    expect(count('outcome')).toBe(count('intent'));
    proxy.audit.order.length = 0;
    proxy.audit.events.length = 0;
  });

  const reasons = (): string[] =>
    proxy.audit.events.flatMap((event) => (event.kind === 'session-close' ? [event.reason] : []));

  /** What goes upstream and what comes back, when the client sends these pieces and waits for the end. */
  async function whole(transcript: Transcript, pieces: readonly Buffer[], name: string): Promise<Exchange> {
    const client = await connect(proxy, user, transcript, name);
    for (const piece of pieces) {
      client.socket.write(piece);
      await turn();
    }
    await client.closed;
    client.socket.destroy();
    await replay.left(name);
    return { upstream: upstreamOf(name), answer: client.received() };
  }

  interface Exchange {
    readonly upstream: Buffer;
    readonly answer: Buffer;
  }

  /** Of a governed session without Flush, which the proxy adds where a read ends. */
  function upstreamOf(name: string): Buffer {
    const bytes = replay.received.get(name)!;
    return governed ? Buffer.concat(cutFrames(bytes).frames.filter((one) => one[0] !== 0x48)) : bytes;
  }

  test.each(transcripts)('$name comes to the server and back as it was', async (transcript) => {
    const { upstream, answer } = await whole(transcript, [transcript.client], 'whole');
    if (!governed) expect(upstream.equals(transcript.client)).toBe(true);
    const types = (bytes: Buffer): string[] =>
      cutFrames(bytes).frames.map((one) => String.fromCharCode(one[0]!));
    // A governed client is told neither of notices nor of notifications.
    const shown = types(transcript.server).filter((type) => !governed || (type !== 'N' && type !== 'A'));
    expect(types(answer)).toEqual(shown);
    if (!governed) expect(answer.equals(transcript.server)).toBe(true);
    expect(proxy.audit.statements.length > 0).toBe(!raw);
  });

  test.each(transcripts)('$name in pieces', async (transcript) => {
    const expected = await whole(transcript, [transcript.client], 'whole');
    const bytes = Array.from(transcript.client, (byte) => Buffer.from([byte]));
    const chunkings = [bytes, ...[1, 2, 3, 4, 5, 6, 7, 8].map((seed) => chunked(transcript.client, seed))];
    const exchanges = await Promise.all(
      chunkings.map((pieces, index) => whole(transcript, pieces, `pieces ${index}`)),
    );
    for (const exchange of exchanges) {
      expect(cutFrames(exchange.upstream).frames).toEqual(cutFrames(expected.upstream).frames);
      expect(exchange.upstream.equals(expected.upstream)).toBe(true);
      expect(exchange.answer.equals(expected.answer)).toBe(true);
    }
  });

  test.each(transcripts)('$name, whose client goes after every byte', async (transcript) => {
    const full = await whole(transcript, [transcript.client], 'whole');
    await everyCut(transcript.client, !raw, async (cut) => {
      const name = `client ${cut}`;
      const client = await connect(proxy, user, transcript, name);
      client.socket.end(transcript.client.subarray(0, cut));
      await client.closed;
      client.socket.destroy();
      return () => {
        const upstream = upstreamOf(name);
        expect(full.upstream.subarray(0, upstream.length).equals(upstream)).toBe(true);
        // A governed session sends no half message but of COPY's data.
        const half = replay.received.get(`${name} rest`)?.[0];
        if (governed) expect([undefined, 0x64]).toContain(half);
        const answer = client.received();
        expect(full.answer.subarray(0, answer.length).equals(answer)).toBe(true);
      };
    });
  });

  test.each(transcripts)('$name, whose server goes after every byte', async (transcript) => {
    const full = await whole(transcript, [transcript.client], 'whole');
    // Without its Terminate, behind which nobody is told anything.
    const said = transcript.client.subarray(0, -5);
    const told = new Set<string>();
    await everyCut(transcript.server, !raw, async (cut) => {
      const client = await connect(proxy, user, transcript, `server/${cut}`);
      client.socket.write(said);
      await client.closed;
      client.socket.destroy();
      return () => told.add(endOf(client.received(), full.answer));
    });
    // Rows go through in pieces in a governed session too.
    expect([...told].sort()).toEqual(['FATAL 08006', 'in a message']);
  });
});

const tables = buildFrameTables(defaultLimits);
const framed: [keyof FrameTables, 'client' | 'server'][] = [
  ['governedFrontend', 'client'],
  ['exemptFrontend', 'client'],
  ['rawFrontend', 'client'],
  ['governedBackend', 'server'],
  ['exemptBackend', 'server'],
  ['rawBackend', 'server'],
];

describe.each(framed)('the framer of %s', (table, side) => {
  test.each(transcripts)('cuts $name alike at every byte', (transcript) => {
    const bytes = transcript[side];
    const whole = runFramer(tables[table], [bytes]);
    expect(whole.violation).toBeUndefined();
    const different = Array.from({ length: bytes.length }, (_, cut) => cut).filter((cut) => {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const begun = runFramer(tables[table], pieces.slice(0, 1));
      const all = runFramer(tables[table], pieces);
      return !(
        begun.violation === undefined &&
        whole.output.subarray(0, begun.output.length).equals(begun.output) &&
        whole.shown.join().startsWith(begun.shown.join()) &&
        all.violation === undefined &&
        all.output.equals(whole.output) &&
        all.shown.join() === whole.shown.join()
      );
    });
    expect(different).toEqual([]);
    for (const one of whole.shown) {
      const message = Buffer.from(one, 'latin1');
      if (side === 'client') decodeFrontend(message);
      else decodeBackend(message);
    }
  });
});

/** How a client's bytes end that were to be `full`. */
function endOf(received: Buffer, full: Buffer): string {
  let same = 0;
  while (same < received.length && received[same] === full[same]) same++;
  if (same === received.length) {
    const { rest } = cutFrames(received);
    return rest.length > 0 ? 'in a message' : 'without a word';
  }
  const { frames, rest } = cutFrames(received);
  const last = frames.at(-1)!;
  const before = received.length - last.length;
  expect(rest.length).toBe(0);
  expect(same).toBeGreaterThanOrEqual(before);
  const message = tryDecode(last);
  if (typeof message === 'string' || message.kind !== 'error-response') return 'undecodable';
  return `${errorField(message, 'V')} ${errorField(message, 'C')}`;
}

/** So many cuts at a time; what each returns is checked behind its batch. */
async function everyCut(
  bytes: Buffer,
  everyByte: boolean,
  attempt: (cut: number) => Promise<() => void>,
): Promise<void> {
  const atATime = 50;
  const cuts = cutsOf(bytes, everyByte);
  for (let from = 0; from < cuts.length; from += atATime)
    for (const check of await Promise.all(cuts.slice(from, from + atATime).map(attempt))) check();
}

/** Every byte of the first three messages of a type, and every sixteenth of the others or of all. */
function cutsOf(bytes: Buffer, everyByte: boolean): number[] {
  const seen = new Map<number, number>();
  const cuts: number[] = [];
  let start = 0;
  for (const one of cutFrames(bytes).frames) {
    const before = seen.get(one[0]!) ?? 0;
    seen.set(one[0]!, before + 1);
    for (let at = 0; at < one.length; at += everyByte && before < 3 ? 1 : 16) cuts.push(start + at);
    start += one.length;
  }
  return [...cuts, bytes.length];
}

function chunked(bytes: Buffer, seed: number): Buffer[] {
  const random = new Random(seed);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(40);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}
