/** Clients whose drivers Debian packages. */
import type { Client } from './client.js';

export const debianClients: readonly Client[] = [];
