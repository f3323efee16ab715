// @ts-check
/**
 * One WASM instance of PostgreSQL's parser (libpg-query) and the raw call into it. Plain JavaScript, because the
 * worker runs it without a compiler when started from src. It knows bytes in and JSON text out, no trees.
 *
 * The package's own wrapper keeps one instance for the life of the process; an instance that once ran out of stack
 * answers "memory access out of bounds" for ever (tried), so the factory is driven directly.
 */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} ParserModule
 * @property {(bytes: number) => number} _malloc
 * @property {(pointer: number) => void} _free
 * @property {(query: number) => number} _wasm_parse_query_raw
 * @property {(result: number) => void} _wasm_free_parse_result
 * @property {(pointer: number) => string} UTF8ToString
 * @property {Uint8Array} HEAPU8
 * @property {Uint32Array} HEAPU32
 */

/**
 * What came of one call. `cursor` counts characters from 1; 0 is unknown. After `failure` the instance is unusable.
 * @typedef {{ kind: 'tree', json: string } | { kind: 'error', message: string, cursor: number } | { kind: 'failure', reason: string }} RawOutcome
 */

/**
 * @typedef {(options: object) => Promise<ParserModule>} ParserFactory
 */

/**
 * The code of the parser, not yet an instance; it can be posted to a worker.
 * @typedef {object} CompiledParser
 */

/** A larger heap than this is given back by starting a new instance. */
const heapLimit = 512 * 1024 * 1024;

const require = createRequire(import.meta.url);

/**
 * Node has WebAssembly; its declarations stand in the DOM library, which a proxy has no other use for.
 * @typedef {object} WebAssemblyApi
 * @property {new (code: Uint8Array) => CompiledParser} Module
 * @property {new (module: CompiledParser, imports: object) => object} Instance
 */

/** @type {unknown} */
const globalApi = Reflect.get(globalThis, 'WebAssembly');
const { Module, Instance } = /** @type {WebAssemblyApi} */ (globalApi);

/**
 * Compiled once; every instance, also the worker's, is made from it.
 * @returns {CompiledParser}
 */
export function compileParser() {
  return new Module(readFileSync(require.resolve('libpg-query/wasm/libpg-query.wasm')));
}

/**
 * A fresh instance. Emscripten runs the constructors behind an await, so this cannot be synchronous.
 * @param {CompiledParser} compiled
 * @returns {Promise<ParserModule>}
 */
export async function createParserInstance(compiled) {
  /** @type {unknown} */
  const exported = require('libpg-query/wasm/libpg-query.js');
  const factory = /** @type {ParserFactory} */ (exported);
  return factory({
    /**
     * @param {object} imports
     * @param {(instance: object) => void} receive
     */
    instantiateWasm(imports, receive) {
      receive(new Instance(compiled, imports));
      return {};
    },
    // The parser's own prints may quote the statement, so they go nowhere.
    print: ignore,
    printErr: ignore,
  });
}

function ignore() {
  return undefined;
}

/**
 * Parses bytes. Never throws: what is not a tree and not the parser's own error is a failure.
 * @param {ParserModule} parser
 * @param {Uint8Array} bytes without a NUL
 * @returns {RawOutcome}
 */
export function parseRaw(parser, bytes) {
  try {
    const query = parser._malloc(bytes.length + 1);
    if (query === 0) return { kind: 'failure', reason: 'out of memory' };
    parser.HEAPU8.set(bytes, query);
    parser.HEAPU8[query + bytes.length] = 0;
    const result = parser._wasm_parse_query_raw(query);
    if (result === 0) return { kind: 'failure', reason: 'no result' };
    const outcome = readResult(parser, result);
    parser._wasm_free_parse_result(result);
    parser._free(query);
    return outcome;
  } catch (error) {
    // FAIL-CLOSED: RangeError (stack), RuntimeError (memory, abort) or anything else leaves the heap in an unknown state.
    return { kind: 'failure', reason: error instanceof Error ? error.name : 'unknown exception' };
  }
}

/**
 * Whether the instance holds so much memory that a new one should take its place.
 * @param {ParserModule} parser
 */
export function isBloated(parser) {
  return parser.HEAPU8.length > heapLimit;
}

/**
 * Reads PgQueryParseResult { char *parse_tree; char *stderr_buffer; PgQueryError *error; } and
 * PgQueryError { char *message; char *funcname; char *filename; int lineno; int cursorpos; char *context; }.
 * @param {ParserModule} parser
 * @param {number} result
 * @returns {RawOutcome}
 */
function readResult(parser, result) {
  const words = parser.HEAPU32;
  const tree = words[result >> 2] ?? 0;
  const error = words[(result >> 2) + 2] ?? 0;
  if (error !== 0) {
    const message = parser.UTF8ToString(words[error >> 2] ?? 0);
    if (/out of memory/i.test(message)) return { kind: 'failure', reason: 'out of memory' };
    return { kind: 'error', message, cursor: words[(error >> 2) + 4] ?? 0 };
  }
  if (tree === 0) return { kind: 'failure', reason: 'no tree' };
  return { kind: 'tree', json: parser.UTF8ToString(tree) };
}
