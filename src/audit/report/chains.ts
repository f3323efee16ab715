/** From where to where each chain was read. */
import type { Report } from './schema.js';
import { compare } from './groups.js';
import { iso, type Place } from './places.js';

interface Chain {
  first: number;
  last: number;
  events: number;
  firstTime: number;
  lastTime: number;
}

export class Chains {
  readonly #chains = new Map<string, Chain>();

  add({ instance, sequence, time }: Place): void {
    let chain = this.#chains.get(instance);
    if (chain === undefined) {
      chain = { first: sequence, last: sequence, events: 0, firstTime: time, lastTime: time };
      this.#chains.set(instance, chain);
    }
    chain.events++;
    chain.first = Math.min(chain.first, sequence);
    chain.last = Math.max(chain.last, sequence);
    chain.firstTime = Math.min(chain.firstTime, time);
    chain.lastTime = Math.max(chain.lastTime, time);
  }

  section(): Report['source']['chains'] {
    return [...this.#chains]
      .map(([instance, { first, last, events, firstTime, lastTime }]) => ({
        instance,
        first_sequence: first,
        last_sequence: last,
        events,
        first: iso(firstTime),
        last: iso(lastTime),
      }))
      .sort((a, b) => compare(a.instance, b.instance));
  }
}
