/** Places that all workers share: the primary counts, and gives back what a worker that has gone still held. */
import type { CountedPlaces, PlaceAnswer, PlaceClaim, Places } from '../../session/places.js';
import type { Line } from './line.js';
import type { ToPrimary, ToWorker } from './messages.js';

/** An answer takes well under a millisecond; beyond this the primary is in trouble. */
const PATIENCE_MS = 2_000;

/** The worker's side. */
export function askedPlaces(line: Line<ToPrimary, ToWorker>, patienceMs = PATIENCE_MS): Places {
  const leave = (answer: ToPrimary['takePlace']['answer']): void => {
    if ('place' in answer) line.tell('leavePlace', answer.place);
  };
  return {
    async take(claim): Promise<PlaceAnswer> {
      try {
        // A place that is granted too late is nobody's, and would be lost until this worker ends.
        const answer = await line.ask('takePlace', claim, patienceMs, leave);
        if ('code' in answer) return { ok: false, code: answer.code };
        return { ok: true, leave: () => leave(answer) };
      } catch {
        // FAIL-CLOSED: a connection that nobody counts is not let in.
        return { ok: false, code: 'connections-uncounted' };
      }
    },
  };
}

/** The primary's side, of one worker. */
export class WorkerPlaces {
  readonly #places: CountedPlaces;
  readonly #held = new Map<number, () => void>();
  #last = 0;

  constructor(places: CountedPlaces) {
    this.#places = places;
  }

  take(claim: PlaceClaim): ToPrimary['takePlace']['answer'] {
    const answer = this.#places.take(claim);
    if (!answer.ok) return { code: answer.code };
    this.#held.set(++this.#last, () => answer.leave());
    return { place: this.#last };
  }

  leave(place: number): void {
    this.#held.get(place)?.();
    this.#held.delete(place);
  }

  /** The worker has gone, and its sessions with it. */
  leaveAll(): void {
    for (const leave of this.#held.values()) leave();
    this.#held.clear();
  }
}
