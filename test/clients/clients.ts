/** The clients that run.ts runs. */
import type { Client } from './client.js';
import { debianClients } from './debian-clients.js';
import { npmClients } from './npm-clients.js';

export const clients: readonly Client[] = [...debianClients, ...npmClients];
