/**
 * A namespace of the server (prepared statements, or portals with cursors) as the proxy follows it: what the server
 * has confirmed, and what is on its way. It knows order, not what a name stands for.
 */

/** A change that was sent and not yet answered. */
export interface NameChange<T> {
  /** Undefined: all names. */
  readonly name: string | undefined;
  /** Undefined: the name goes away. */
  readonly value: T | undefined;
}

export class NameTable<T> {
  private readonly confirmed = new Map<string, T>();
  private readonly sent: NameChange<T>[] = [];
  /** sent[0 … settled) are done with. */
  private settled = 0;

  /** Tells of a change when its message is sent. */
  announce(name: string | undefined, value: T | undefined): NameChange<T> {
    const change = { name, value };
    this.sent.push(change);
    return change;
  }

  /** The server has done it. */
  confirm(change: NameChange<T>): void {
    this.withdraw(change);
    if (change.name === undefined) this.confirmed.clear();
    else if (change.value === undefined) this.confirmed.delete(change.name);
    else this.confirmed.set(change.name, change.value);
  }

  /** The server has refused or skipped it. */
  withdraw(change: NameChange<T>): void {
    // Answers come in the order of the messages, so the change is nearly always the oldest.
    if (this.sent[this.settled] === change) {
      this.settled++;
      if (this.settled === this.sent.length || this.settled > 256) {
        this.sent.splice(0, this.settled);
        this.settled = 0;
      }
      return;
    }
    const index = this.sent.indexOf(change, this.settled);
    if (index >= 0) this.sent.splice(index, 1);
  }

  /** What the name will mean to a message sent now, if nothing on its way fails. */
  expected(name: string): T | undefined {
    for (let index = this.sent.length - 1; index >= this.settled; index--) {
      const change = this.sent[index]!;
      if (change.name === undefined || change.name === name) return change.value;
    }
    return this.confirmed.get(name);
  }

  /** What the name means to the server at the answer that is being read. */
  actual(name: string): T | undefined {
    return this.confirmed.get(name);
  }
}
