/** What a client reads in DETAIL when a built-in function is refused, by the reason that its entry gives. */
export const functionReasons = {
  'runs-sql': 'it runs SQL text, or reads a table by name, past the policy',
  'reads-files': "it reads the server's files",
  'large-objects': 'it reaches large objects, which no policy covers',
  'other-sessions': 'it sees or steers other sessions',
  notifications: 'it speaks to other sessions',
  settings: 'it reads or changes settings past the list that is open',
  'statement-text': 'it shows the statement as pgveil rewrote it',
  volume: 'it tells how much data there is or how it is used, withheld rows included',
  transactions: "it tells what became of other sessions' transactions",
  sequences: 'it changes what the next INSERTs of everybody get',
  replication: 'it belongs to replication',
  server: "it belongs to the server's upkeep",
  plumbing: "it is part of the server's inside and not meant to be called",
} as const;

export type FunctionReason = keyof typeof functionReasons;
