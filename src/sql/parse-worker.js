// @ts-check
/**
 * The worker that parses large statements: bytes in, a raw outcome out, one at a time. Its stack is its thread's, and
 * its owner (parse-worker-client.ts) ends it when it takes too long. Plain JavaScript so that it also runs from src.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { createParserInstance, isBloated, parseRaw } from './parse-instance.js';

if (parentPort === null) throw new Error('parse-worker runs as a worker only');
const port = parentPort;

/** @type {unknown} */
const given = workerData;
const { compiled } = /** @type {{ compiled: import('./parse-instance.js').CompiledParser }} */ (given);
let parser = await createParserInstance(compiled);

port.on('message', (/** @type {{ id: number, bytes: Uint8Array }} */ request) => {
  void answer(request.id, request.bytes);
});

/**
 * @param {number} id
 * @param {Uint8Array} bytes
 */
async function answer(id, bytes) {
  const outcome = parseRaw(parser, bytes);
  // The owner sends the next request only after this answer, so the instance is never in use here.
  if (outcome.kind === 'failure' || isBloated(parser)) parser = await createParserInstance(compiled);
  port.postMessage({ id, outcome });
}
