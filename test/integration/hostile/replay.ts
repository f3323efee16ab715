/**
 * Recorded conversations (scripts/record-transcripts.ts), a server that says again what the recorded one said, and a
 * client that sends what it is given. The server answers a step once it has read as many messages as the recorded
 * server had, so it neither parses nor checks: what the proxy sends is the tests' business.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBackend } from '../../../src/wire/backend-message.js';
import { encodeStartupPacket, readStartupPacket } from '../../../src/wire/startup.js';
import { cutFrames, frame, int32 } from './support.js';

/** What a client sent without waiting for an answer, and the answer. */
interface Step {
  readonly client: Buffer;
  readonly server: Buffer;
}

export interface Transcript {
  readonly name: string;
  /** Behind the log-in. */
  readonly steps: readonly Step[];
  readonly client: Buffer;
  readonly server: Buffer;
}

const folder = 'test/transcripts';

export function readTranscripts(): Transcript[] {
  return readdirSync(folder).map((file) => {
    const recorded = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as {
      readonly from: 'client' | 'server';
      readonly bytes: string;
    }[];
    const steps: { client: Buffer; server: Buffer }[] = [];
    let before: string | undefined;
    for (const { from, bytes } of recorded) {
      if (from === 'client' && before !== 'client')
        steps.push({ client: Buffer.alloc(0), server: Buffer.alloc(0) });
      const step = steps.at(-1)!;
      step[from] = Buffer.concat([step[from], Buffer.from(bytes, 'base64')]);
      before = from;
    }
    // Typed messages begin behind the step whose answer is the log-in; psql asks for encryption ahead of it.
    const session = steps.slice(steps.findIndex(({ server }) => server[0] === 0x52) + 1);
    return {
      name: file.replace('.json', ''),
      steps: session,
      client: Buffer.concat(session.map((step) => step.client)),
      server: Buffer.concat(session.map((step) => step.server)),
    };
  });
}

const readyFrame = frame('Z', 'I');
const status = (name: string, value: string): Buffer => frame('S', `${name}\0${value}\0`);
const logIn = Buffer.concat([
  frame('R', int32(0)),
  status('server_version', '18.0'),
  status('client_encoding', 'UTF8'),
  status('standard_conforming_strings', 'on'),
  frame('K', Buffer.concat([int32(1), int32(2)])),
  readyFrame,
]);
const probed = Buffer.concat([
  frame('C', 'SET\0'),
  encodeBackend({
    kind: 'data-row',
    values: ['public', 'UTF8', 'on', 'crm_support', '1'].map((value) => Buffer.from(value)),
  }),
  frame('C', 'SELECT 1\0'),
  readyFrame,
]);

export interface Replay {
  readonly host: string;
  readonly port: number;
  /** What has come behind the log-in and the probe, by the client's application_name. */
  readonly received: ReadonlyMap<string, Buffer>;
  /** Resolves when the connection of that name has been closed by the proxy. */
  left(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** The database names the transcript, and application_name `name/bytes` after how many of its own bytes the server ends. */
export async function startReplay(transcripts: readonly Transcript[]): Promise<Replay> {
  const received = new Map<string, Buffer>();
  const left = new Set<string>();
  const server = net.createServer({ noDelay: true }, (socket) =>
    serve(socket, transcripts, received, (name) => left.add(name)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    received,
    left: async (name) => {
      while (!left.has(name)) await sleep(1);
      left.delete(name);
    },
    stop: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(
  socket: net.Socket,
  transcripts: readonly Transcript[],
  received: Map<string, Buffer>,
  left: (name: string) => void,
): void {
  let pending: Buffer = Buffer.alloc(0);
  let name: string | undefined;
  let budget = Infinity;
  let steps: { messages: number; answer: Buffer }[] = [];

  const answer = (bytes: Buffer): void => {
    const said = bytes.subarray(0, budget);
    budget -= said.length;
    if (said.length > 0) socket.write(said);
    if (budget === 0) socket.end();
  };
  const heard = (one: Buffer): void => {
    if (one.includes('pg_backend_pid')) {
      socket.write(probed);
      if (budget === 0) socket.end();
      return;
    }
    received.set(name!, Buffer.concat([received.get(name!) ?? Buffer.alloc(0), one]));
    if (one[0] === 0x58) socket.end();
    // The proxy may add Flush messages, which change no answer.
    if (one[0] === 0x48 || steps.length === 0) return;
    if (--steps[0]!.messages === 0) answer(steps.shift()!.answer);
  };

  socket.on('error', () => undefined);
  socket.on('close', () => left(name ?? ''));
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    if (name === undefined) {
      const read = readStartupPacket(pending);
      if (read.kind === 'incomplete' || read.packet.kind !== 'startup') return;
      const parameters = new Map(read.packet.parameters);
      name = parameters.get('application_name')!;
      const cut = name.split('/')[1];
      if (cut !== undefined) budget = Number(cut);
      const transcript = transcripts.find((one) => one.name === parameters.get('database'))!;
      steps = transcript.steps.map((step) => ({
        messages: cutFrames(step.client).frames.filter((one) => one[0] !== 0x48).length,
        answer: step.server,
      }));
      received.set(name, Buffer.alloc(0));
      pending = pending.subarray(read.consumed);
      socket.write(logIn);
    }
    const { frames, rest } = cutFrames(pending);
    pending = rest;
    for (const one of frames) heard(one);
    // What is no whole message is kept too: an exempt client's bytes go through as they come.
    if (rest.length > 0) received.set(`${name} rest`, Buffer.from(rest));
    else received.delete(`${name} rest`);
  });
}

export interface ReplayClient {
  readonly socket: net.Socket;
  /** What came behind the log-in. */
  received(): Buffer;
  /** Resolves when the proxy has closed the connection. */
  readonly closed: Promise<void>;
}

/** Resolves when the session is ready. */
export async function connect(
  at: { readonly host: string; readonly port: number },
  user: string,
  transcript: Transcript,
  name: string,
): Promise<ReplayClient> {
  // Half open, so that it is the proxy that closes.
  const socket = net.connect({ host: at.host, port: at.port, noDelay: true, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  let loggedIn: number | undefined;
  const closed = new Promise<void>((resolve) => {
    socket.on('end', resolve);
    socket.on('close', () => resolve());
  });
  const ready = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (loggedIn !== undefined) return;
      const all = Buffer.concat(chunks);
      const end = all.indexOf(readyFrame);
      if (end < 0) return;
      loggedIn = end + readyFrame.length;
      resolve();
    });
  });
  socket.on('error', () => undefined);
  socket.write(
    encodeStartupPacket({
      kind: 'startup',
      protocol: { major: 3, minor: 0 },
      parameters: [
        ['user', user],
        ['database', transcript.name],
        ['application_name', name],
      ],
    }),
  );
  await Promise.race([ready, closed]);
  return { socket, closed, received: () => Buffer.concat(chunks).subarray(loggedIn) };
}
