/** The form of the files beside this one: what a library really sent, as scripts/record-orms took it down. */

/** Text as sent, NULL, or the bytes of a binary parameter. */
export type RecordedValue = string | null | { readonly hex: string };

export interface RecordedStatement {
  /** The part of the recorded program that sent it. */
  readonly scenario: string;
  /** Statements of one connection share its transactions and settings. */
  readonly connection: number;
  readonly protocol: 'simple' | 'extended' | 'named';
  readonly sql: string;
  /** Parameter types that the driver declared, by OID. */
  readonly types?: readonly number[];
  readonly values?: readonly RecordedValue[];
}

export interface Corpus {
  readonly library: string;
  readonly version: string;
  /** The driver below the library, with its version. */
  readonly driver: string;
  /** The SQL file that was loaded when the program ran. */
  readonly schema: string;
  /** Start-up parameters by connection, save for user and database. */
  readonly startups: readonly Readonly<Record<string, string>>[];
  readonly statements: readonly RecordedStatement[];
}
