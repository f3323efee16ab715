/** What the runner knows of one client: a small program in the driver's own language. */

export interface Client {
  readonly name: string;
  /** The folder of its program. */
  readonly family: string;
  /** Run in the repository's root. */
  readonly command: readonly [program: string, ...args: readonly string[]];
  readonly needs: {
    /** Debian's packages. */
    readonly debian?: readonly string[];
    /** The node_modules of test/clients/npm. */
    readonly npm?: true;
  };
  /** Whether what it needs installs quickly enough for every run of CI. */
  readonly ci: boolean;
}
