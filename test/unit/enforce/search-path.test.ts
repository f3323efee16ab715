import { expect, test } from 'vitest';
import { parseSearchPath } from '../../../src/enforce/search-path.js';

test.each([
  ['', []],
  ['"$user", public', ['ann', 'public']],
  ['$user,public', ['ann', 'public']],
  ['Public , "Mixed Case","a""b"', ['public', 'Mixed Case', 'a"b']],
  ['""', ['']],
  ['ÄÖ', ['ÄÖ']],
  ['  a  ', ['a']],
  [`"${'ä'.repeat(40)}"`, ['ä'.repeat(31)]],
])('search_path %s is read as the server reads it', (text, path) => {
  expect(parseSearchPath(text, 'ann')).toEqual(path);
});

test.each(['a,', ',a', '"a', 'a b', 'a,,b'])('search_path %s is not taken', (text) => {
  expect(parseSearchPath(text, 'ann')).toBeUndefined();
});
