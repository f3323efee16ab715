import { describe, expect, test } from 'vitest';
import { PathSettings } from '../../../src/session/path-settings.js';

describe('the search path through transactions, as guc.c keeps settings', () => {
  const settings = () => new PathSettings(['login']);

  test('SET lasts after COMMIT and goes at ROLLBACK', () => {
    const path = settings();
    path.set(['a'], false);
    path.commit();
    path.set(['b'], false);
    path.rollback();
    expect(path.current).toEqual(['a']);
  });

  test('SET LOCAL ends with the transaction, and SET overrides it', () => {
    const path = settings();
    path.set(['a'], true);
    expect([path.current, path.dirty]).toEqual([['a'], true]);
    path.commit();
    expect([path.current, path.dirty]).toEqual([['login'], false]);
    path.set(['a'], true);
    path.set(['b'], false);
    path.commit();
    expect(path.current).toEqual(['b']);
  });

  test('ROLLBACK TO goes back to the newest savepoint of that name and keeps it; RELEASE keeps settings', () => {
    const path = settings();
    path.savepoint('s');
    path.set(['a'], false);
    path.savepoint('s');
    path.set(['b'], true);
    path.rollbackTo('s');
    expect(path.current).toEqual(['a']);
    path.set(['c'], false);
    path.rollbackTo('s');
    expect(path.current).toEqual(['a']);
    path.release('s');
    path.rollbackTo('s');
    expect(path.current).toEqual(['login']);
  });

  test("RESET goes back to the log-in's path", () => {
    const path = settings();
    path.set(['a'], false);
    path.commit();
    path.set(undefined, false);
    expect(path.current).toEqual(['login']);
  });
});
