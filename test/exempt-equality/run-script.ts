/** Runs a script with psql as a user would, and gives everything that psql printed, byte for byte. */
import { spawn } from 'node:child_process';

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Standard output and standard error go to the same place, in the order in which psql writes them. */
export function runScript(file: string, place: Place): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // The shell joins both outputs into one pipe, so that an error stands where the user would see it.
    const command = 'exec psql -X -a -f "$0" 2>&1';
    const child = spawn('sh', ['-c', command, file], {
      env: {
        PATH: process.env['PATH'],
        PGHOST: place.host,
        PGPORT: String(place.port),
        PGUSER: place.user,
        PGPASSWORD: place.password,
        PGDATABASE: place.database,
        PGCLIENTENCODING: 'UTF8',
        LC_ALL: 'C.UTF-8',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', () => {
      resolve(Buffer.concat(chunks));
    });
  });
}
