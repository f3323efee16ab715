/**
 * Notices that the policy files have changed. It only says so; what to load, and keeping the last good set when the new
 * one has problems, is the app's business.
 */
import { createHash } from 'node:crypto';
import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';

export interface PolicyWatch {
  close(): void;
}

export interface WatchOptions {
  /** Quiet time after the last change; editors write in several steps. */
  readonly debounceMs?: number;
  /** fs.watch misses changes on some file systems (network mounts, Kubernetes volumes), so the folder is also polled. */
  readonly pollMs?: number;
}

/** Names, sizes and times of all files below the folder; symbolic links are followed, as ConfigMaps swap them. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  try {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
      if (!/\.ya?ml$/.test(name)) continue;
      const facts = statSync(join(folder, name), { throwIfNoEntry: false });
      if (facts) hash.update(`${name}\0${facts.size}\0${facts.mtimeMs}\0${facts.ino}\n`);
    }
  } catch {
    // A folder that cannot be read is a change too: the app's next load reports why.
    hash.update('unreadable');
  }
  return hash.digest('hex');
}

function startWatcher(folder: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { recursive: true, persistent: false }, changed);
    // Polling goes on without it.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

/** Calls `onChange` once after each burst of changes to policy files below the folder. */
export function watchPolicies(folder: string, onChange: () => void, options: WatchOptions = {}): PolicyWatch {
  const debounceMs = options.debounceMs ?? 200;
  let last = fingerprint(folder);
  let timer: NodeJS.Timeout | undefined;
  const settle = (): void => {
    timer = undefined;
    const now = fingerprint(folder);
    if (now === last) return;
    last = now;
    onChange();
  };
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(settle, debounceMs).unref();
  };
  const watcher = startWatcher(folder, changed);
  const poll = setInterval(() => {
    if (timer === undefined && fingerprint(folder) !== last) changed();
  }, options.pollMs ?? 5_000).unref();
  return {
    close: () => {
      clearTimeout(timer);
      clearInterval(poll);
      watcher?.close();
    },
  };
}
