/**
 * Asks Redis for pages of a stream. ioredis decodes them with a dozen calls and several objects for each field, which
 * takes longer than everything that is done with an event. Here its decoder is given an empty page instead, and ours reads
 * what came; all else, errors too, stays its own. Where its connection is not as expected, it decodes as ever.
 */
import type { RedisClient } from '../redis-connection.js';
import { PageParser, type Entry } from './page-parser.js';

type Socket = Extract<RedisClient, { readonly stream: unknown }>['stream'];
type Listener = (piece: Buffer) => void;

const ARRAY = '*'.charCodeAt(0);
const NO_ENTRIES = Buffer.from('*0\r\n');

export class PageReader {
  readonly #redis: RedisClient;
  readonly #stream: string;
  /** Of the page that is awaited. */
  #parser: PageParser | undefined;

  /** @param redis - connected, and asked by nobody else from now on */
  constructor(redis: RedisClient, stream: string) {
    this.#redis = redis;
    this.#stream = stream;
    // A Cluster has a connection to each node.
    if ('stream' in redis) this.#comeBetween(redis.stream);
  }

  /** One at a time. */
  async page(start: string, end: string, count: number): Promise<readonly Entry[]> {
    const parser = new PageParser();
    this.#parser = parser;
    const reply: unknown = await this.#redis.xrangeBuffer(this.#stream, start, end, 'COUNT', count);
    return parser.page ?? (reply as readonly Entry[]);
  }

  #comeBetween(socket: Socket): void {
    const [decode, ...others] = socket.listeners('data') as Listener[];
    if (decode === undefined || others.length > 0) return;
    socket.prependListener('data', (piece: Buffer) => {
      try {
        this.#take(piece, decode);
      } catch (error) {
        // Fails the command that waits, and with it the reader.
        socket.destroy(error as Error);
      }
    });
    socket.removeListener('data', decode);
  }

  #take(piece: Buffer, decode: Listener): void {
    // An error, to its end.
    if (this.#parser?.begun === false && piece[0] !== ARRAY) this.#parser = undefined;
    if (this.#parser === undefined) {
      decode(piece);
      return;
    }
    this.#parser.add(piece);
    if (this.#parser.page === undefined) return;
    this.#parser = undefined;
    decode(NO_ENTRIES);
  }
}
