/** The fast way of exempt sessions that are audited by connection only: bytes through, and just enough seen to drain. */
import type { FrameSink, Verdict } from '../wire/framer.js';
import { backendTypes, frontendTypes } from '../wire/message-types.js';
import { changesStructure } from './ddl.js';
import { severityOf } from './severity.js';

export class RawFrontend implements FrameSink {
  private readonly forward: (buffer: Buffer) => void;
  private readonly terminate: () => void;

  constructor(forward: (buffer: Buffer) => void, terminate: () => void) {
    this.forward = forward;
    this.terminate = terminate;
  }

  bytes(buffer: Buffer): void {
    this.forward(buffer);
  }

  oversized(): readonly Buffer[] {
    return [];
  }

  /** Terminate: a server that closes after it was not lost. Anything else has waited for the end of the log-in. */
  message(messageType: number): Verdict {
    if (messageType !== frontendTypes.terminate) return 'pass';
    this.terminate();
    return 'stop';
  }
}

export class RawBackend implements FrameSink {
  /** Nothing was sent since the server was last ready outside a transaction. */
  idle = true;
  /** Bytes were sent since the server was last ready. */
  private asked = false;
  /** How often it has still to become ready; more than is true when the client sent Sync in the middle of COPY. */
  private owed = 0;
  private readonly forward: (buffer: Buffer) => void;
  private readonly serverEnded: () => void;
  private readonly ddl: () => void;

  constructor(forward: (buffer: Buffer) => void, serverEnded: () => void, ddl: () => void) {
    this.forward = forward;
    this.serverEnded = serverEnded;
    this.ddl = ddl;
  }

  /** @param ends - how many of the messages end with ReadyForQuery */
  noteRequest(ends: number): void {
    this.idle = false;
    this.asked = true;
    this.owed += ends;
  }

  /** Something was sent that may not be answered yet. */
  get serverOwes(): boolean {
    return this.asked || this.owed > 0;
  }

  bytes(buffer: Buffer): void {
    this.forward(buffer);
  }

  oversized(): readonly Buffer[] {
    return [];
  }

  message(messageType: number, frame: Buffer): Verdict {
    if (messageType === backendTypes['ready-for-query']) {
      this.idle = frame[5] === 0x49; // I
      this.asked = false;
      this.owed = Math.max(0, this.owed - 1);
    } else if (messageType === backendTypes['command-complete']) {
      if (changesStructure(frame.toString('latin1', 5, frame.length - 1))) this.ddl();
    } else if (messageType === backendTypes['error-response'] && severityOf(frame).fatal) this.serverEnded();
    return 'pass';
  }
}
