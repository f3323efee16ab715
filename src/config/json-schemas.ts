/** JSON Schemas of the policy language and the configuration, from the code's own schemas, for editors. */
import { z } from 'zod';
import { policyDocumentSchema } from '../policy/document.js';
import { configSchema } from './schema.js';

function text(schema: z.ZodType, title: string): string {
  // What an author writes is the schema's input; checks that JSON Schema has no words for stay with `pgveil check`.
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return `${JSON.stringify({ ...json, title }, null, 2)}\n`;
}

export function policyJsonSchema(): string {
  return text(policyDocumentSchema, 'pgveil policy');
}

export function configJsonSchema(): string {
  return text(configSchema, 'pgveil configuration');
}
