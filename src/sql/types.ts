/**
 * The vocabulary of the SQL station: bytes, tokens and parsed statements.
 * It knows PostgreSQL's lexical rules and its grammar, and nothing of catalogs, policies or sessions.
 */
import type { Node } from '@pgsql/types';

declare const byteStringBrand: unique symbol;

/**
 * UTF-8 bytes held in a JavaScript string, one character (0 to 255) a byte ("latin1").
 * The parser's locations are byte offsets, so an index into a ByteString is a parser location.
 */
export type ByteString = string & { readonly [byteStringBrand]: 'ByteString' };

/** What a token is. Literals are told apart as far as PostgreSQL's typing of an untyped literal is (A_Const). */
export type TokenKind =
  | 'identifier' // customers, also every keyword; folded to lower case by the server
  | 'quoted-identifier' // "Customers"
  | 'string' // 'x', E'x', $$x$$, N'x': one token, continuation lines included
  | 'bit-string' // B'01', X'1F'
  | 'integer' // fits int4
  | 'big-integer' // a whole number beyond int4
  | 'decimal' // 1.5, 1e3
  | 'parameter' // $1
  | 'operator' // =, ->>, :: and := excluded
  | 'punctuation'; // ( ) [ ] , ; . : :: := ..  and =>

/** A query text cut into tokens, in columns rather than objects because every statement pays for it. */
export interface TokenList {
  readonly length: number;
  kind(index: number): TokenKind;
  /** Byte offset of the first byte. */
  start(index: number): number;
  /** Byte offset behind the last byte. */
  end(index: number): number;
  /** Index of the token that starts exactly at this byte offset, or -1. */
  at(offset: number): number;
}

/** A query text after the lexer. */
export interface LexedText {
  /** The client's text with every comment replaced by blanks of the same length. */
  readonly text: ByteString;
  readonly tokens: TokenList;
  /**
   * The tokens joined by one blank, identifiers and keywords as written, literals replaced by a marker of their kind.
   * Two texts of equal shape have the same number of tokens with the same kinds, so edits by token index fit both.
   */
  readonly shape: ByteString;
  /** The body of the last block comment, where sqlcommenter tags live; undefined without one. */
  readonly trailingComment: ByteString | undefined;
}

/** Why a text was refused before or by the parser. `at` is a byte offset in the text. */
export interface SqlProblem {
  readonly kind:
    | 'syntax' // the parser's own error
    | 'unterminated' // a literal, identifier or comment without an end
    | 'invalid-utf8'
    | 'nul-byte'
    | 'too-long'
    | 'too-many-tokens'
    | 'too-deep' // brackets, CASE or operators nested beyond the bound
    | 'ambiguous-lexeme' // read differently by servers before 16: 1_000, 0x1F, 1a; or U& forms
    | 'parser-failure' // stack overflow, memory, deadline, a null tree: the instance was discarded
    | 'unknown-node'; // the tree holds a node kind or field that this version does not know
  /** For people; never holds a literal of the text. */
  readonly message: string;
  readonly at: number | undefined;
}

/** One statement of a query text. */
export interface ParsedStatement {
  readonly lexed: LexedText;
  /** The statement node, e.g. `{ SelectStmt: … }`; locations in it are byte offsets into `lexed.text`. */
  readonly node: Node;
  /** Tokens [firstToken, endToken) belong to the statement, without its semicolon. */
  readonly firstToken: number;
  readonly endToken: number;
}

export type ParseOutcome =
  | { readonly ok: true; readonly statements: readonly ParsedStatement[] }
  | { readonly ok: false; readonly problem: SqlProblem };

export type LexOutcome =
  { readonly ok: true; readonly lexed: LexedText } | { readonly ok: false; readonly problem: SqlProblem };

/** Bounds that the lexer enforces before the parser sees a byte. */
export interface SqlLimits {
  readonly statementBytes: number;
  readonly tokens: number;
  /** Depth of brackets and of CASE … END. */
  readonly nesting: number;
  /** Operators in a row on one bracket level, the other way to overflow a parser's stack. */
  readonly operatorChain: number;
}
