/**
 * Connections that have not said yet why they came. They cost memory and a file descriptor before anybody is known, so
 * there is a bound; beyond it the one that has waited longest gives way to the newest. A client says who it is within
 * a round trip or two, so a flood of silent ones pushes out its own kind first. It knows no sockets.
 */
export interface Handshake {
  /** Ends without a word. */
  giveWay(): void;
}

export class Handshakes {
  private readonly limit: number;
  /** In the order in which they came. */
  private readonly waiting = new Set<Handshake>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.waiting.size;
  }

  begin(one: Handshake): void {
    this.waiting.add(one);
    if (this.waiting.size <= this.limit) return;
    for (const oldest of this.waiting) {
      this.waiting.delete(oldest);
      oldest.giveWay();
      return;
    }
  }

  /** It has said why it came, or has ended. */
  end(one: Handshake): void {
    this.waiting.delete(one);
  }
}
