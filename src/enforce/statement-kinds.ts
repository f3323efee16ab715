/**
 * What becomes of each kind of statement in a governed session (DESIGN 5.3). The table is exhaustive over the parser's
 * statement kinds: a new one does not compile without a decision, and there is no default.
 */
import type { NodeKind } from '../sql/node-fields.js';

export type StatementKind = Extract<NodeKind, `${string}Stmt`>;

/** How enforce() goes on with a kind; `refuse` says why in words for DETAIL. */
export type StatementRule =
  | {
      readonly rule:
        | 'query'
        | 'write'
        | 'transaction'
        | 'prepare'
        | 'execute'
        | 'explain'
        | 'deallocate'
        | 'declare'
        | 'fetch'
        | 'close-cursor'
        | 'copy'
        | 'set'
        | 'show'
        | 'discard'
        | 'lock'
        | 'harmless';
      readonly command: string;
    }
  | { readonly rule: 'refuse'; readonly command: string; readonly why: string };

const structure = 'it changes the structure, the rights or the upkeep of the database';

export const statementRules = {
  AlterCollationStmt: { rule: 'refuse', command: 'ALTER COLLATION', why: structure },
  AlterDatabaseRefreshCollStmt: { rule: 'refuse', command: 'ALTER DATABASE REFRESH COLL', why: structure },
  AlterDatabaseSetStmt: { rule: 'refuse', command: 'ALTER DATABASE SET', why: structure },
  AlterDatabaseStmt: { rule: 'refuse', command: 'ALTER DATABASE', why: structure },
  AlterDefaultPrivilegesStmt: { rule: 'refuse', command: 'ALTER DEFAULT PRIVILEGES', why: structure },
  AlterDomainStmt: { rule: 'refuse', command: 'ALTER DOMAIN', why: structure },
  AlterEnumStmt: { rule: 'refuse', command: 'ALTER ENUM', why: structure },
  AlterEventTrigStmt: { rule: 'refuse', command: 'ALTER EVENT TRIG', why: structure },
  AlterExtensionContentsStmt: { rule: 'refuse', command: 'ALTER EXTENSION CONTENTS', why: structure },
  AlterExtensionStmt: { rule: 'refuse', command: 'ALTER EXTENSION', why: structure },
  AlterFdwStmt: { rule: 'refuse', command: 'ALTER FDW', why: structure },
  AlterForeignServerStmt: { rule: 'refuse', command: 'ALTER FOREIGN SERVER', why: structure },
  AlterFunctionStmt: { rule: 'refuse', command: 'ALTER FUNCTION', why: structure },
  AlterObjectDependsStmt: { rule: 'refuse', command: 'ALTER OBJECT DEPENDS', why: structure },
  AlterObjectSchemaStmt: { rule: 'refuse', command: 'ALTER OBJECT SCHEMA', why: structure },
  AlterOpFamilyStmt: { rule: 'refuse', command: 'ALTER OP FAMILY', why: structure },
  AlterOperatorStmt: { rule: 'refuse', command: 'ALTER OPERATOR', why: structure },
  AlterOwnerStmt: { rule: 'refuse', command: 'ALTER OWNER', why: structure },
  AlterPolicyStmt: { rule: 'refuse', command: 'ALTER POLICY', why: structure },
  AlterPublicationStmt: { rule: 'refuse', command: 'ALTER PUBLICATION', why: structure },
  AlterRoleSetStmt: { rule: 'refuse', command: 'ALTER ROLE SET', why: structure },
  AlterRoleStmt: { rule: 'refuse', command: 'ALTER ROLE', why: structure },
  AlterSeqStmt: { rule: 'refuse', command: 'ALTER SEQ', why: structure },
  AlterStatsStmt: { rule: 'refuse', command: 'ALTER STATS', why: structure },
  AlterSubscriptionStmt: { rule: 'refuse', command: 'ALTER SUBSCRIPTION', why: structure },
  AlterSystemStmt: { rule: 'refuse', command: 'ALTER SYSTEM', why: structure },
  AlterTSConfigurationStmt: { rule: 'refuse', command: 'ALTER TEXT SEARCH CONFIGURATION', why: structure },
  AlterTSDictionaryStmt: { rule: 'refuse', command: 'ALTER TEXT SEARCH DICTIONARY', why: structure },
  AlterTableMoveAllStmt: { rule: 'refuse', command: 'ALTER TABLE MOVE ALL', why: structure },
  AlterTableSpaceOptionsStmt: { rule: 'refuse', command: 'ALTER TABLE SPACE OPTIONS', why: structure },
  AlterTableStmt: { rule: 'refuse', command: 'ALTER TABLE', why: structure },
  AlterTypeStmt: { rule: 'refuse', command: 'ALTER TYPE', why: structure },
  AlterUserMappingStmt: { rule: 'refuse', command: 'ALTER USER MAPPING', why: structure },
  CallStmt: { rule: 'refuse', command: 'CALL', why: 'a procedure can read anything' },
  CheckPointStmt: { rule: 'refuse', command: 'CHECKPOINT', why: structure },
  ClosePortalStmt: { rule: 'close-cursor', command: 'CLOSE CURSOR' },
  ClusterStmt: { rule: 'refuse', command: 'CLUSTER', why: structure },
  CommentStmt: { rule: 'refuse', command: 'COMMENT', why: structure },
  CompositeTypeStmt: { rule: 'refuse', command: 'CREATE TYPE', why: structure },
  ConstraintsSetStmt: { rule: 'harmless', command: 'SET CONSTRAINTS' },
  CopyStmt: { rule: 'copy', command: 'COPY' },
  CreateAmStmt: { rule: 'refuse', command: 'CREATE AM', why: structure },
  CreateCastStmt: { rule: 'refuse', command: 'CREATE CAST', why: structure },
  CreateConversionStmt: { rule: 'refuse', command: 'CREATE CONVERSION', why: structure },
  CreateDomainStmt: { rule: 'refuse', command: 'CREATE DOMAIN', why: structure },
  CreateEnumStmt: { rule: 'refuse', command: 'CREATE ENUM', why: structure },
  CreateEventTrigStmt: { rule: 'refuse', command: 'CREATE EVENT TRIG', why: structure },
  CreateExtensionStmt: { rule: 'refuse', command: 'CREATE EXTENSION', why: structure },
  CreateFdwStmt: { rule: 'refuse', command: 'CREATE FDW', why: structure },
  CreateForeignServerStmt: { rule: 'refuse', command: 'CREATE FOREIGN SERVER', why: structure },
  CreateForeignTableStmt: { rule: 'refuse', command: 'CREATE FOREIGN TABLE', why: structure },
  CreateFunctionStmt: { rule: 'refuse', command: 'CREATE FUNCTION', why: structure },
  CreateOpClassStmt: { rule: 'refuse', command: 'CREATE OP CLASS', why: structure },
  CreateOpFamilyStmt: { rule: 'refuse', command: 'CREATE OP FAMILY', why: structure },
  CreatePLangStmt: { rule: 'refuse', command: 'CREATE LANGUAGE', why: structure },
  CreatePolicyStmt: { rule: 'refuse', command: 'CREATE POLICY', why: structure },
  CreatePublicationStmt: { rule: 'refuse', command: 'CREATE PUBLICATION', why: structure },
  CreateRangeStmt: { rule: 'refuse', command: 'CREATE RANGE', why: structure },
  CreateRoleStmt: { rule: 'refuse', command: 'CREATE ROLE', why: structure },
  CreateSchemaStmt: { rule: 'refuse', command: 'CREATE SCHEMA', why: structure },
  CreateSeqStmt: { rule: 'refuse', command: 'CREATE SEQ', why: structure },
  CreateStatsStmt: { rule: 'refuse', command: 'CREATE STATS', why: structure },
  CreateStmt: { rule: 'refuse', command: 'CREATE TABLE', why: structure },
  CreateSubscriptionStmt: { rule: 'refuse', command: 'CREATE SUBSCRIPTION', why: structure },
  CreateTableAsStmt: {
    rule: 'refuse',
    command: 'CREATE TABLE AS',
    why: 'it would copy masked data out of its labels',
  },
  CreateTableSpaceStmt: { rule: 'refuse', command: 'CREATE TABLE SPACE', why: structure },
  CreateTransformStmt: { rule: 'refuse', command: 'CREATE TRANSFORM', why: structure },
  CreateTrigStmt: { rule: 'refuse', command: 'CREATE TRIGGER', why: structure },
  CreateUserMappingStmt: { rule: 'refuse', command: 'CREATE USER MAPPING', why: structure },
  CreatedbStmt: { rule: 'refuse', command: 'CREATE DATABASE', why: structure },
  DeallocateStmt: { rule: 'deallocate', command: 'DEALLOCATE' },
  DeclareCursorStmt: { rule: 'declare', command: 'DECLARE CURSOR' },
  DefineStmt: { rule: 'refuse', command: 'CREATE', why: structure },
  DeleteStmt: { rule: 'write', command: 'DELETE' },
  DiscardStmt: { rule: 'discard', command: 'DISCARD' },
  DoStmt: { rule: 'refuse', command: 'DO', why: 'a code block can read anything' },
  DropOwnedStmt: { rule: 'refuse', command: 'DROP OWNED', why: structure },
  DropRoleStmt: { rule: 'refuse', command: 'DROP ROLE', why: structure },
  DropStmt: { rule: 'refuse', command: 'DROP', why: structure },
  DropSubscriptionStmt: { rule: 'refuse', command: 'DROP SUBSCRIPTION', why: structure },
  DropTableSpaceStmt: { rule: 'refuse', command: 'DROP TABLE SPACE', why: structure },
  DropUserMappingStmt: { rule: 'refuse', command: 'DROP USER MAPPING', why: structure },
  DropdbStmt: { rule: 'refuse', command: 'DROP DATABASE', why: structure },
  ExecuteStmt: { rule: 'execute', command: 'EXECUTE' },
  ExplainStmt: { rule: 'explain', command: 'EXPLAIN' },
  FetchStmt: { rule: 'fetch', command: 'FETCH' },
  GrantRoleStmt: { rule: 'refuse', command: 'GRANT', why: structure },
  GrantStmt: { rule: 'refuse', command: 'GRANT', why: structure },
  ImportForeignSchemaStmt: { rule: 'refuse', command: 'IMPORT FOREIGN SCHEMA', why: structure },
  IndexStmt: { rule: 'refuse', command: 'CREATE INDEX', why: structure },
  InsertStmt: { rule: 'write', command: 'INSERT' },
  ListenStmt: { rule: 'refuse', command: 'LISTEN', why: 'it hears other sessions' },
  LoadStmt: { rule: 'refuse', command: 'LOAD', why: 'it runs code in the server' },
  LockStmt: { rule: 'lock', command: 'LOCK TABLE' },
  MergeStmt: { rule: 'write', command: 'MERGE' },
  NotifyStmt: { rule: 'refuse', command: 'NOTIFY', why: 'it speaks to other sessions' },
  PLAssignStmt: { rule: 'refuse', command: 'PLASSIGN', why: structure },
  PrepareStmt: { rule: 'prepare', command: 'PREPARE' },
  RawStmt: { rule: 'refuse', command: 'RAW', why: structure },
  ReassignOwnedStmt: { rule: 'refuse', command: 'REASSIGN OWNED', why: structure },
  RefreshMatViewStmt: { rule: 'refuse', command: 'REFRESH MATERIALIZED VIEW', why: structure },
  ReindexStmt: { rule: 'refuse', command: 'REINDEX', why: structure },
  RenameStmt: { rule: 'refuse', command: 'RENAME', why: structure },
  ReplicaIdentityStmt: { rule: 'refuse', command: 'REPLICA IDENTITY', why: structure },
  ReturnStmt: { rule: 'refuse', command: 'RETURN', why: structure },
  RuleStmt: { rule: 'refuse', command: 'CREATE RULE', why: structure },
  SecLabelStmt: { rule: 'refuse', command: 'SECURITY LABEL', why: structure },
  SelectStmt: { rule: 'query', command: 'SELECT' },
  SetOperationStmt: { rule: 'refuse', command: 'SET OPERATION', why: structure },
  TransactionStmt: { rule: 'transaction', command: 'TRANSACTION' },
  TruncateStmt: { rule: 'refuse', command: 'TRUNCATE', why: 'it removes rows that may be withheld' },
  UnlistenStmt: { rule: 'harmless', command: 'UNLISTEN' },
  UpdateStmt: { rule: 'write', command: 'UPDATE' },
  VacuumStmt: { rule: 'refuse', command: 'VACUUM', why: structure },
  VariableSetStmt: { rule: 'set', command: 'SET' },
  VariableShowStmt: { rule: 'show', command: 'SHOW' },
  ViewStmt: { rule: 'refuse', command: 'CREATE VIEW', why: structure },
} as const satisfies Record<StatementKind, StatementRule>;

/** The rule of a node kind, or undefined for what is no statement. */
export function statementRule(kind: string): StatementRule | undefined {
  return Object.hasOwn(statementRules, kind) ? statementRules[kind as StatementKind] : undefined;
}
