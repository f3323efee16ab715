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
  /** The batch of messages it was sent in: within one the server skips what stands behind a failure. */
  readonly batch: number;
}

/** NAMEDATALEN - 1: the server's hash tables of statements and portals look at so many bytes (prepare.c, portalmem.c). */
const MAX_NAME_BYTES = 63;

/** INVARIANT(one-name-one-entry): names that the server takes for the same are the same here. Byte strings only. */
function keyOf(name: string): string {
  return name.length > MAX_NAME_BYTES ? name.slice(0, MAX_NAME_BYTES) : name;
}

export class NameTable<T> {
  private readonly confirmed = new Map<string, T>();
  private readonly sent: NameChange<T>[] = [];
  /** sent[0 … settled) are done with. */
  private settled = 0;
  private readonly weigh: (value: T) => number;
  /** Of all values, those on their way included. */
  weight = 0;

  constructor(weigh: (value: T) => number = () => 0) {
    this.weigh = weigh;
  }

  /** Tells of a change when its message is sent. */
  announce(name: string | undefined, value: T | undefined, batch: number): NameChange<T> {
    const change = { name: name === undefined ? undefined : keyOf(name), value, batch };
    this.sent.push(change);
    if (value !== undefined) this.weight += this.weigh(value);
    return change;
  }

  /** The server has done it; `value` is what has come of it. */
  confirm(change: NameChange<T>, value: T | undefined = change.value): void {
    this.unsend(change);
    if (change.name === undefined) {
      this.forget(() => true);
      return;
    }
    const old = this.confirmed.get(change.name);
    if (old !== undefined) this.weight -= this.weigh(old);
    if (value === undefined) this.confirmed.delete(change.name);
    else this.confirmed.set(change.name, value);
  }

  /** The server has refused or skipped it. */
  withdraw(change: NameChange<T>): void {
    if (this.unsend(change) && change.value !== undefined) this.weight -= this.weigh(change.value);
  }

  /** The server has failed, and may have done it or not: nothing is known of the name. */
  doubt(change: NameChange<T>): void {
    this.withdraw(change);
    if (change.name === undefined) {
      this.forget(() => true);
      return;
    }
    const old = this.confirmed.get(change.name);
    if (old !== undefined) this.weight -= this.weigh(old);
    this.confirmed.delete(change.name);
  }

  /** False when it was done with before. */
  private unsend(change: NameChange<T>): boolean {
    // Answers come in the order of the messages, so the change is nearly always the oldest.
    if (this.sent[this.settled] === change) {
      this.settled++;
      if (this.settled === this.sent.length || this.settled > 256) {
        this.sent.splice(0, this.settled);
        this.settled = 0;
      }
      return true;
    }
    const index = this.sent.indexOf(change, this.settled);
    if (index >= 0) this.sent.splice(index, 1);
    return index >= 0;
  }

  /**
   * The last change of this name is on its way in another batch. Its failure would not keep the server from reading a
   * message sent now, so what the name means is not known yet. One of the same batch settles what came before it.
   */
  unsettled(name: string, batch: number): boolean {
    if (this.settled === this.sent.length) return false;
    const key = keyOf(name);
    for (let index = this.sent.length - 1; index >= this.settled; index--) {
      const change = this.sent[index]!;
      if (change.name === undefined || change.name === key) return change.batch !== batch;
    }
    return false;
  }

  /** What the name will mean to a message sent now, if nothing on its way fails. */
  expected(name: string): T | undefined {
    const key = keyOf(name);
    for (let index = this.sent.length - 1; index >= this.settled; index--) {
      const change = this.sent[index]!;
      if (change.name === undefined || change.name === key) return change.value;
    }
    return this.confirmed.get(key);
  }

  /** What the name means to the server at the answer that is being read. */
  actual(name: string): T | undefined {
    return this.confirmed.get(keyOf(name));
  }

  /** The server has forgotten some by itself. */
  forget(gone: (value: T) => boolean): void {
    for (const [name, value] of this.confirmed) {
      if (!gone(value)) continue;
      this.weight -= this.weigh(value);
      this.confirmed.delete(name);
    }
  }

  get size(): number {
    return this.confirmed.size;
  }
}
