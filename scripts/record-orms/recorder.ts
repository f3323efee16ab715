/**
 * A relay between one program and the server that writes down what the program asks: text, parameters, protocol, in order.
 * It changes no byte. Which part of the program is running is told over HTTP, so that every language can tell it.
 */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { decodeFrontend, type FrontendMessage } from '../../src/wire/frontend-message.js';
import { readStartupPacket } from '../../src/wire/startup.js';
import type { RecordedStatement, RecordedValue } from '../../test/orm-corpus/corpus.js';

export interface Recorder {
  readonly port: number;
  readonly controlUrl: string;
  readonly statements: readonly RecordedStatement[];
  /** Start-up parameters by connection. */
  readonly startups: readonly Readonly<Record<string, string>>[];
  stop(): void;
}

export async function startRecorder(upstreamPort: number): Promise<Recorder> {
  const statements: RecordedStatement[] = [];
  const startups: Record<string, string>[] = [];
  let scenario = 'connect';
  const relay = net.createServer((client) => {
    const server = net.connect(upstreamPort, '127.0.0.1');
    const connection = new RecordedConnection((statement, index) => {
      statements.push({ scenario, connection: index, ...statement });
    }, startups);
    client.on('data', (chunk) => {
      connection.sent(chunk);
      server.write(chunk);
    });
    server.on('data', (chunk) => client.write(chunk));
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    for (const socket of [client, server]) socket.on('error', () => socket.destroy());
  });
  const control = http.createServer((request, response) => {
    scenario = decodeURIComponent((request.url ?? '/').slice(1));
    response.end();
  });
  relay.listen(0, '127.0.0.1');
  control.listen(0, '127.0.0.1');
  await Promise.all([once(relay, 'listening'), once(control, 'listening')]);
  const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;
  return {
    port: portOf(relay),
    controlUrl: `http://127.0.0.1:${portOf(control)}/`,
    statements,
    startups,
    stop() {
      relay.close();
      control.close();
      control.closeAllConnections();
    },
  };
}

type Sent = Omit<RecordedStatement, 'scenario' | 'connection'>;
interface Prepared {
  readonly sql: string;
  readonly types: readonly number[];
}

class RecordedConnection {
  private pending: Buffer = Buffer.alloc(0);
  private index = -1;
  private readonly prepared = new Map<string, Prepared>();
  private readonly portals = new Map<string, Sent>();
  private readonly emit: (statement: Sent, connection: number) => void;
  private readonly startups: Record<string, string>[];

  constructor(emit: (statement: Sent, connection: number) => void, startups: Record<string, string>[]) {
    this.emit = emit;
    this.startups = startups;
  }

  sent(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk]);
    while (this.index < 0) {
      const read = readStartupPacket(this.pending);
      if (read.kind === 'incomplete') return;
      this.pending = this.pending.subarray(read.consumed);
      if (read.packet.kind !== 'startup') continue;
      this.index = this.startups.push(Object.fromEntries(read.packet.parameters)) - 1;
    }
    while (this.pending.length >= 5) {
      const end = 1 + this.pending.readInt32BE(1);
      if (this.pending.length < end) return;
      this.took(decodeFrontend(Buffer.from(this.pending.subarray(0, end))));
      this.pending = this.pending.subarray(end);
    }
  }

  private took(message: FrontendMessage): void {
    switch (message.kind) {
      case 'query':
        this.emit({ protocol: 'simple', sql: message.sql.toString('utf8') }, this.index);
        return;
      case 'parse':
        this.prepared.set(message.statement, {
          sql: message.sql.toString('utf8'),
          types: message.parameterTypes,
        });
        return;
      case 'bind': {
        const prepared = this.prepared.get(message.statement);
        if (prepared === undefined) return;
        this.portals.set(message.portal, {
          protocol: message.statement === '' ? 'extended' : 'named',
          sql: prepared.sql,
          ...(prepared.types.length === 0 ? {} : { types: prepared.types }),
          values: message.parameters.map((value, at) => recorded(value, message.parameterFormats, at)),
        });
        return;
      }
      case 'execute': {
        const bound = this.portals.get(message.portal);
        if (bound !== undefined) this.emit(bound, this.index);
        return;
      }
      default:
        return;
    }
  }
}

/** One format code stands for all parameters, none for text (manual, 54.7, Bind). */
function recorded(value: Buffer | null, formats: readonly number[], at: number): RecordedValue {
  if (value === null) return null;
  const format = formats.length === 1 ? formats[0] : formats[at];
  return format === 1 ? { hex: value.toString('hex') } : value.toString('utf8');
}
