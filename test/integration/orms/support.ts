/** One replay through the whole proxy, on a database of its own. */
import { startProxy } from '../../support/proxy.js';
import type { Corpus } from '../../orm-corpus/corpus.js';
import { replay, type Answer } from './replay.js';

export type Login = 'crm_support' | 'crm_marketing';

/** With the sample policy when no folder is given. */
export async function throughProxy(
  version: 15 | 18,
  corpus: Corpus,
  login: Login,
  policies?: string,
): Promise<readonly Answer[]> {
  const proxy = await startProxy(version, {
    fixture: corpus.schema,
    durability: 'relaxed',
    ...(policies === undefined ? {} : { policies }),
  });
  try {
    return await replay(corpus.statements, () => proxy.connect(login));
  } finally {
    await proxy.stop();
  }
}
