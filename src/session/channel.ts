/**
 * One TCP connection as the session sees it: chunks in, lists of buffers out, reading switched on and off.
 * It owns the socket and its read buffer and knows nothing of messages. From startTls on the same interface carries what
 * TLS carries.
 */
import net from 'node:net';
import type tls from 'node:tls';
import { ReadBuffer } from './read-buffer.js';
import type { ChannelTls } from './tls/facts.js';

export interface ChannelEvents {
  /** A view of the read buffer, valid during the call and while a write of it is pending. */
  chunk(bytes: Buffer): void;
  /** Everything written has left. */
  drained(): void;
  /** Once. The peer has ended, or the connection broke with `error`: a TlsHandshakeFailure if that is what failed. */
  closed(error: Error | undefined): void;
  /** The handshake that startTls began is done. */
  secured?(tls: ChannelTls): void;
}

/** Makes TLS out of a connected socket: the one side that we play, with its certificates. Calls back once. */
export type TlsHandshake = (
  raw: net.Socket,
  result: {
    secured(socket: tls.TLSSocket, facts: ChannelTls): void;
    /** In OpenSSL's words or ours, without anything of the peer's. */
    failed(reason: string): void;
  },
) => void;

/** The connection ended before it was encrypted. */
export class TlsHandshakeFailure extends Error {
  override readonly name = 'TlsHandshakeFailure';
}

export interface Channel {
  /** One system call for all of them, if the kernel takes them. */
  write(buffers: readonly Buffer[]): void;
  /** Bytes that the kernel has not taken yet. */
  readonly pending: number;
  /** So many that `drained` will be told. */
  readonly willDrain: boolean;
  setReading(on: boolean): void;
  /** After each chunk: true when a view of it may still wait in another channel's write queue. */
  lendReadBuffer(lent: boolean): void;
  /** Sends what is pending, then closes; destroys after a moment if the peer does not take it. */
  end(): void;
  destroy(): void;
  readonly remote: { readonly address: string; readonly port: number };
  /**
   * From here on the connection is TLS, and nothing may be written until `secured`.
   * @param received - what the peer has sent of the handshake already
   */
  startTls(handshake: TlsHandshake, received?: Buffer): void;
  /** TLS was begun, and is not there yet (or has failed). */
  readonly handshaking: boolean;
  /** Undefined: the connection is not encrypted. */
  readonly tls: ChannelTls | undefined;
}

const nothing = Buffer.alloc(0);

/** How long the last bytes of a closing connection may take. */
const LINGER_MS = 2000;
/** Below this, joining buffers costs less than handing several to the kernel. */
const JOIN_BYTES = 16 * 1024;

/** Node's options for a socket on an existing handle; the handle is not part of the public types. */
interface AdoptOptions extends net.SocketConstructorOpts {
  handle: unknown;
  onread: net.OnReadOpts;
  pauseOnCreate: boolean;
}
interface WithHandle {
  _handle: unknown;
}

class SocketChannel implements Channel {
  readonly remote: { readonly address: string; readonly port: number };
  private reading = true;
  private closed = false;
  private lent = false;
  handshaking = false;
  tls: ChannelTls | undefined;
  /** The TCP socket, and once it is encrypted the TLS socket in front of it. */
  private socket: net.Socket;
  private readonly events: ChannelEvents;

  constructor(socket: net.Socket, events: ChannelEvents) {
    this.socket = socket;
    this.events = events;
    this.remote = { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    this.listen(socket);
  }

  private listen(socket: net.Socket): void {
    socket.on('drain', () => this.events.drained());
    socket.on('end', () => this.close(undefined));
    socket.on('error', (error) => this.close(error));
    socket.on('close', () => this.close(undefined));
  }

  startTls(handshake: TlsHandshake, received: Buffer = nothing): void {
    const raw = this.socket;
    this.handshaking = true;
    raw.pause();
    // The one way to hand on what was read already; copied, since the read buffer is read into again.
    if (received.length > 0) raw.unshift(Buffer.from(received));
    handshake(raw, {
      secured: (socket, facts) => {
        if (this.closed) {
          socket.destroy();
          return;
        }
        this.handshaking = false;
        this.tls = facts;
        raw.removeAllListeners('drain').removeAllListeners('end');
        this.socket = socket;
        this.listen(socket);
        // Memory of its own for each chunk, so none of it is ever lent (INVARIANT no-overwritten-write).
        socket.on('data', (bytes: Buffer) => {
          if (!this.closed) this.events.chunk(bytes);
        });
        if (!this.reading) socket.pause();
        this.events.secured?.(facts);
      },
      failed: (reason) => {
        this.close(new TlsHandshakeFailure(reason));
        this.destroy();
      },
    });
  }

  /** Called by the socket for each read; false stops reading. */
  received(bytes: Buffer): boolean {
    if (!this.closed) this.events.chunk(bytes);
    return this.reading;
  }

  takeLent(): boolean {
    const lent = this.lent;
    this.lent = false;
    return lent;
  }

  write(buffers: readonly Buffer[]): void {
    // In a handshake nothing may be said: it would go out in the clear, or wait for a peer that never comes.
    if (this.closed || this.handshaking || buffers.length === 0 || this.socket.destroyed) return;
    if (buffers.length === 1) {
      this.socket.write(buffers[0]!);
      return;
    }
    let total = 0;
    for (const buffer of buffers) total += buffer.length;
    if (total <= JOIN_BYTES) {
      this.socket.write(Buffer.concat(buffers, total));
      return;
    }
    this.socket.cork();
    for (const buffer of buffers) this.socket.write(buffer);
    this.socket.uncork();
  }

  get pending(): number {
    return this.socket.writableLength;
  }

  get willDrain(): boolean {
    return this.socket.writableNeedDrain && !this.socket.destroyed;
  }

  setReading(on: boolean): void {
    if (on === this.reading || this.closed) return;
    this.reading = on;
    // The handshake reads for itself; `secured` takes up what was said meanwhile.
    if (this.handshaking) return;
    if (on) this.socket.resume();
    else this.socket.pause();
  }

  lendReadBuffer(lent: boolean): void {
    this.lent = lent;
  }

  end(): void {
    if (this.handshaking) {
      this.destroy();
      return;
    }
    this.socket.end();
    setTimeout(() => this.socket.destroy(), LINGER_MS).unref();
  }

  destroy(): void {
    const { socket } = this;
    // Node's TLS calls back in the middle of its own work on the socket below: closed under its feet, it crashes.
    if (this.handshaking) setImmediate(() => socket.destroy());
    else socket.destroy();
  }

  private close(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    const lost = this.handshaking && !(error instanceof TlsHandshakeFailure);
    this.events.closed(lost ? new TlsHandshakeFailure('the connection ended in the handshake') : error);
  }
}

/** The `onread` option (net.Socket, Node manual): reads go straight into our buffer, no stream in between. */
function reader(channelOf: () => SocketChannel | undefined): net.OnReadOpts {
  const memory = new ReadBuffer();
  let first = true;
  return {
    // Called once at the start and after each read, when the session has said whether the buffer is lent.
    buffer: () => {
      if (first) {
        first = false;
        return memory.next(false);
      }
      return memory.next(channelOf()?.takeLent() ?? false);
    },
    callback: (bytes) => channelOf()?.received(memory.filled(bytes)) ?? false,
  };
}

/**
 * Takes over a socket that net.Server accepted with `pauseOnConnect`. A server cannot be told `onread`, so a new
 * Socket is made around the same handle; the accepted object is left without one.
 */
export function adoptSocket(accepted: net.Socket, events: ChannelEvents): Channel {
  const { _handle: handle } = accepted as unknown as WithHandle;
  (accepted as unknown as WithHandle)._handle = null;
  // Without a handle this only tells the server that the object is gone.
  accepted.destroy();
  let channel: SocketChannel | undefined = undefined;
  const options: AdoptOptions = { handle, onread: reader(() => channel), pauseOnCreate: true };
  const socket = new net.Socket(options);
  channel = new SocketChannel(socket, events);
  socket.resume();
  return channel;
}

/** Opens a connection. `opened` is called before any event; a failure to connect is `closed` with the error. */
export function connectChannel(
  target: { readonly host: string; readonly port: number },
  events: ChannelEvents,
  opened: () => void,
): Channel {
  let channel: SocketChannel | undefined = undefined;
  const socket = net.connect({ host: target.host, port: target.port, onread: reader(() => channel) });
  channel = new SocketChannel(socket, events);
  socket.once('connect', opened);
  return channel;
}

/** ::ffff:10.0.0.1 is how a dual-stack socket spells 10.0.0.1; policies name the latter. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
