/** Durations and byte sizes as people write them. */
const SECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
};

function scaled(text: string, pattern: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  const found = pattern.exec(text.trim());
  const unit = found ? units[found[2]!] : undefined;
  const value = found && unit !== undefined ? Number(found[1]) * unit : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `30s`, `250ms`, `5m`, `1h`, `1d` in milliseconds. */
export function parseDuration(text: string): number | undefined {
  return scaled(text, /^(\d{1,9}) ?(ms|s|m|min|h|d)$/, SECONDS);
}

/** `1MiB`, `64kB`, `512B` or a bare number, in bytes. */
export function parseByteSize(text: string): number | undefined {
  if (/^\d{1,15}$/.test(text.trim())) return Number(text);
  return scaled(text, /^(\d{1,12}) ?(B|kB|KiB|MB|MiB|GB|GiB)$/, BYTES);
}
