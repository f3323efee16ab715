/**
 * Notices changed files below a folder. Knows nothing of what they hold.
 *
 * It looks at the files' times instead of using fs.watch, because inotify sees nothing on network file systems and in
 * Kubernetes' ConfigMaps, whose files are links into a folder that is swapped as a whole.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface FileWatch {
  close(): void;
}

/**
 * Calls back once after each change, when two looks in a row saw the same: an editor may still be writing.
 * @param others - files outside the folder, of any kind
 * @param since - how they looked when they were read: a change between that and now is one too
 */
export function watchFiles(
  folder: string,
  intervalMs: number,
  changed: () => void,
  others: readonly string[] = [],
  since = filesSeen(folder, others),
): FileWatch {
  let reported = since;
  let previous = filesSeen(folder, others);
  const timer = setInterval(() => {
    const now = filesSeen(folder, others);
    if (now === previous && now !== reported) {
      reported = now;
      changed();
    }
    previous = now;
  }, intervalMs);
  timer.unref();
  return {
    close: () => {
      clearInterval(timer);
    },
  };
}

/** How they look now. */
export function filesSeen(folder: string, others: readonly string[] = []): string {
  return [fingerprint(folder), ...others.map((path) => factsOf(path, path))].join('\n');
}

/** Names, sizes, times and inodes of the YAML files and key sets; a folder that cannot be read gives the empty text. */
function fingerprint(folder: string): string {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ya?ml|json)$/.test(name))
      .sort()
      .map((name) => factsOf(name, join(folder, name)))
      .join('\n');
  } catch {
    return '';
  }
}

function factsOf(name: string, path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${name} ${ino} ${size} ${mtimeMs}`;
  } catch {
    return `${name} gone`;
  }
}
