/**
 * The vocabulary of OCSF's Datastore Activity class (schema.ocsf.io, class 6005) with the profile security_control, and
 * the shape of our events once parsed. Knows nothing of how an event is built or kept.
 */

export const OCSF_VERSION = '1.5.0';
export const CLASS_UID = 6005;
export const CATEGORY_UID = 6;

export const activity = {
  read: 1,
  update: 2,
  connect: 3,
  query: 4,
  write: 5,
  create: 6,
  delete: 7,
  other: 99,
} as const;
export const action = { allowed: 1, denied: 2, observed: 3, modified: 4 } as const;
export const status = { success: 1, failure: 2, other: 99 } as const;
export const severity = { informational: 1, low: 2, medium: 3, high: 4, critical: 5 } as const;

export interface ActivityName {
  readonly id: number;
  readonly name: string;
}

const byCommand: Readonly<Record<string, ActivityName>> = {
  SELECT: { id: activity.query, name: 'Query' },
  EXECUTE: { id: activity.query, name: 'Query' },
  FETCH: { id: activity.read, name: 'Read' },
  COPY: { id: activity.read, name: 'Read' },
  INSERT: { id: activity.write, name: 'Write' },
  UPDATE: { id: activity.update, name: 'Update' },
  MERGE: { id: activity.update, name: 'Update' },
  DELETE: { id: activity.delete, name: 'Delete' },
  TRUNCATE: { id: activity.delete, name: 'Delete' },
};

/** PostgreSQL's command word → OCSF activity; what OCSF has no word for is 99 with the command as its name. */
export function activityOf(command: string, auditText: string): ActivityName {
  // COPY reads or writes by its direction, and only the text tells.
  if (command === 'COPY' && /\bfrom\s+stdin\b/i.test(auditText)) return { id: activity.write, name: 'Write' };
  const known = byCommand[command];
  if (known !== undefined) return known;
  if (command.startsWith('CREATE')) return { id: activity.create, name: 'Create' };
  return { id: activity.other, name: command === '' ? 'Other' : command };
}

/** An event as it stands in the stream. Every event has every field; what does not apply is null. */
export interface AuditEvent {
  readonly action_id: number;
  readonly activity_id: number;
  readonly activity_name: string;
  readonly actor: {
    readonly app_name: string;
    readonly session: { readonly uid: string };
    readonly user: { readonly name: string };
  };
  readonly category_uid: number;
  readonly class_uid: number;
  readonly database: { readonly name: string; readonly type_id: number };
  readonly dst_endpoint: Endpoint;
  readonly duration: number;
  readonly metadata: {
    readonly correlation_uid: string;
    readonly product: { readonly name: string; readonly vendor_name: string; readonly version: string };
    readonly profiles: readonly string[];
    readonly sequence: number;
    readonly uid: string;
    readonly version: string;
  };
  readonly policy: { readonly name: string; readonly version: string };
  readonly query_info: { readonly query_string: string; readonly uid: string };
  readonly severity_id: number;
  readonly src_endpoint: Endpoint;
  readonly status: string;
  readonly status_code: string | null;
  readonly status_detail: string | null;
  readonly status_id: number;
  readonly time: number;
  readonly type_uid: number;
  readonly unmapped: {
    readonly columns: Readonly<Record<string, 'clear' | 'masked' | 'denied'>>;
    readonly consent: { readonly purpose: string; readonly source: string } | null;
    /** The policy does not govern the session: what it read is not known (tables and columns are empty). */
    readonly exempt: boolean;
    readonly hash: string;
    readonly instance: string;
    readonly legal_basis: string | null;
    readonly prev: string;
    readonly purpose: string | null;
    readonly role: string | null;
    readonly rows: number | null;
    readonly rules: readonly string[];
    /** Tables and views with data of data subjects that it reached, whether or not their keys were shown. */
    readonly subject_tables: readonly string[];
    readonly subjects: {
      readonly hmacs: readonly string[];
      /** Which key the HMACs are made with. */
      readonly key?: string;
      readonly truncated: boolean;
    } | null;
    readonly tables: readonly string[];
    readonly tags: Readonly<Record<string, string>>;
  };
}

export interface Endpoint {
  readonly ip?: string;
  readonly hostname?: string;
  readonly name?: string;
  readonly port?: number;
}
