/** Puts another database's name into a connection URL. */

/** Checks the URL once and returns a function from database name to URL. */
export function databaseUrls(url: string): (database: string) => string {
  if (!URL.canParse(url)) {
    // The URL holds a password, so the message must not repeat it.
    throw new Error('catalog.url is not a URL: write it as postgres://user:password@host:port/database');
  }
  return (database) => {
    const changed = new URL(url);
    changed.pathname = `/${encodeURIComponent(database)}`;
    return changed.href;
  };
}
