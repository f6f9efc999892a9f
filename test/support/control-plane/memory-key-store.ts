import type { SigningKeyStore, StoredSigningKey } from '../../../control-plane/credentials/signing-keys.ts';

/** Keys that live and die with this process. */
export function createMemoryKeyStore(): SigningKeyStore {
  const keys = new Map<string, StoredSigningKey>();
  return {
    load: () => Promise.resolve([...keys.values()]),
    add: (key) => Promise.resolve(void keys.set(key.id, key)),
    remove: (id) => Promise.resolve(void keys.delete(id)),
  };
}
