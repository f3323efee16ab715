/**
 * The end of a session that its client has asked for. It knows no sockets and no messages, only who has gone and who is
 * waited for.
 * INVARIANT(finished-first): a server finishes what came before Terminate, answers it and closes (PostgreSQL manual,
 * 54.2.9 Termination), so both sides stay open until it has, and the audit has what became of it.
 */

/** What the session knows at the end of an event. */
export interface FarewellFacts {
  /** Statements may have been sent. */
  readonly loggedIn: boolean;
  /** Answers are under way. */
  readonly serverOwes: boolean;
  /** An answer waits for its audit outcome. */
  readonly upstreamHeld: boolean;
  /** A message of the client waits. */
  readonly clientHeld: boolean;
  /** The client has not taken yet what it is to read. */
  readonly clientReads: boolean;
}

export class Farewell {
  private stage: 'none' | 'said' | 'passed on' = 'none';
  private serverGone = false;
  private clientGone: string | undefined;

  /** The client's Terminate was read, and all before it has been sent or refused. */
  say(): void {
    if (this.stage === 'none') this.stage = 'said';
  }

  get said(): boolean {
    return this.stage !== 'none';
  }

  /** True once: Terminate is to be sent, behind all else. */
  passOn(facts: FarewellFacts): boolean {
    if (this.stage !== 'said') return false;
    this.stage = 'passed on';
    // Nobody has to wait for a server that has nothing more to say.
    if (!facts.serverOwes) this.serverGone = true;
    return true;
  }

  /** The server has closed. */
  serverClosed(): void {
    this.serverGone = true;
  }

  /** The client reads no more; the messages in front of its Terminate are finished all the same. */
  clientClosed(reason: string): void {
    this.clientGone ??= reason;
  }

  get reason(): string {
    return this.said ? 'client terminated' : (this.clientGone ?? '');
  }

  /** The session may end, for `reason`. */
  isOver({ loggedIn, upstreamHeld, clientHeld, clientReads }: FarewellFacts): boolean {
    if (this.stage === 'none') return this.clientGone !== undefined && !clientHeld;
    if (this.stage === 'said') return false;
    const read = this.clientGone !== undefined || !clientReads;
    return !loggedIn || (this.serverGone && !upstreamHeld && read);
  }
}
