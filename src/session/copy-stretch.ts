/**
 * What a governed client sends while the server, as far as is known, reads COPY data. A COPY may have failed already
 * with the error still on its way, and then the server reads Sync and all else as ever; while it does read COPY data it
 * ignores Sync and Flush, and anything else costs the connection (CopyGetData in src/backend/commands/copyfromparse.c).
 * So neither is passed on before it is known which of both is the case. It knows order, not what a COPY is about.
 */
import type { Verdict } from '../wire/framer.js';
import { encodeFrontend } from '../wire/frontend-message.js';
import { frontendTypes } from '../wire/message-types.js';
import { flushFrame } from './messages.js';
import { COUNTED_NAME } from './own-names.js';
import type { SessionState } from './session-state.js';
import { toByteString } from '../wire/byte-string.js';

const type = frontendTypes;

/**
 * Asks without doing anything: a server that reads commands closes a portal that does not exist, or skips the message
 * behind an error, which then tells enough; one that reads COPY data ends the session, as the client's message would.
 */
const question = Buffer.concat([
  encodeFrontend({ kind: 'close', target: 'portal', name: toByteString(COUNTED_NAME) }),
  flushFrame,
]);
const syncFrame = encodeFrontend({ kind: 'sync' });

export class CopyStretch {
  private readonly state: SessionState;
  /** Held back since the last CopyData. */
  private syncs = 0;
  private asking: 'no' | 'wanted' | 'sent' = 'no';

  constructor(state: SessionState) {
    this.state = state;
  }

  /** Any message but CopyData, CopyDone and CopyFail. */
  message(messageType: number): Verdict {
    if (messageType === type.flush) return 'drop';
    if (messageType === type.sync) {
      this.syncs++;
      return 'drop';
    }
    if (this.asking === 'no') this.asking = 'wanted';
    return 'hold';
  }

  /** The client's next COPY message: by its own account the server was well when the Syncs before it came. */
  goesOn(): void {
    this.syncs = 0;
  }

  /** The server was asked, and the message behind which it was asked is still held. */
  get asked(): boolean {
    return this.asking === 'sent';
  }

  /** No message is held any more. */
  release(): void {
    this.asking = 'no';
  }

  /** After each event of either side: what goes to the server behind all that was sent. */
  late(): Buffer | undefined {
    const { state } = this;
    if (this.asking === 'wanted') {
      this.asking = 'sent';
      state.answers.push({ kind: 'close', statement: undefined, portal: undefined, swallow: true });
      return question;
    }
    // The COPY has failed, and nothing but an error of what came before the Syncs can have made it fail.
    if (state.copyIn || this.syncs === 0) return undefined;
    const frames: Buffer[] = [];
    for (; this.syncs > 0; this.syncs--) {
      state.answers.push({ kind: 'sync' });
      state.batch++;
      frames.push(syncFrame);
    }
    return Buffer.concat(frames);
  }
}
