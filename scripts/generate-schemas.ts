/** Writes policies/policy.schema.json and policies/config.schema.json: `tsx scripts/generate-schemas.ts`. */
import { writeFileSync } from 'node:fs';
import { configJsonSchema, policyJsonSchema } from '../src/config/json-schemas.js';

const folder = new URL('../policies/', import.meta.url);
writeFileSync(new URL('policy.schema.json', folder), policyJsonSchema());
writeFileSync(new URL('config.schema.json', folder), configJsonSchema());
