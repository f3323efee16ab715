/**
 * The search path that statements of a governed session are planned with, through transactions and savepoints.
 * It mirrors how guc.c treats a setting (AtEOXact_GUC) for statements that the planner understands. Every relation
 * that goes upstream is schema-qualified, so a divergence costs an error, never a disclosure.
 */
import type { SearchPath } from '../resolve/types.js';

interface Level {
  readonly session: SearchPath;
  readonly local: SearchPath | undefined;
}

interface Savepoint extends Level {
  readonly name: string | undefined;
}

export class PathSettings {
  private readonly login: SearchPath;
  private committed: SearchPath;
  private session: SearchPath;
  private local: SearchPath | undefined;
  private savepoints: Savepoint[] = [];

  constructor(login: SearchPath) {
    this.login = login;
    this.committed = login;
    this.session = login;
  }

  get current(): SearchPath {
    return this.local ?? this.session;
  }

  /** The end of the transaction, or going back to a savepoint, may change `current`. */
  get dirty(): boolean {
    return this.local !== undefined || this.session !== this.committed;
  }

  /** SET, SET LOCAL, RESET (path undefined). */
  set(path: SearchPath | undefined, local: boolean): void {
    if (local) {
      this.local = path ?? this.login;
    } else {
      this.session = path ?? this.login;
      this.local = undefined;
    }
  }

  savepoint(name: string | undefined): void {
    this.savepoints.push({ name, session: this.session, local: this.local });
  }

  /** The savepoint and all after it are forgotten, their settings stay. */
  release(name: string | undefined): void {
    this.savepoints.length = this.indexOf(name);
  }

  /** The savepoint itself stays. */
  rollbackTo(name: string | undefined): void {
    const index = this.indexOf(name);
    const savepoint = this.savepoints[index];
    if (savepoint === undefined) return;
    this.session = savepoint.session;
    this.local = savepoint.local;
    this.savepoints.length = index + 1;
  }

  commit(): void {
    this.committed = this.session;
    this.local = undefined;
    this.savepoints = [];
  }

  rollback(): void {
    this.session = this.committed;
    this.local = undefined;
    this.savepoints = [];
  }

  private indexOf(name: string | undefined): number {
    if (name === undefined) return Math.max(0, this.savepoints.length - 1);
    const index = this.savepoints.findLastIndex((savepoint) => savepoint.name === name);
    return index < 0 ? this.savepoints.length : index;
  }
}
