/**
 * `@peculiar/x509`, whose container of algorithms asks for the `reflect-metadata` polyfill. It registers everything by
 * hand and reads no metadata that a compiler emitted, so a table of what was defined is enough.
 */
const tables = new WeakMap<object, Map<unknown, unknown>>();

function ownTable(target: object): Map<unknown, unknown> {
  const table = tables.get(target) ?? new Map<unknown, unknown>();
  tables.set(target, table);
  return table;
}

const reflect = {
  defineMetadata: (key: unknown, value: unknown, target: object) => void ownTable(target).set(key, value),
  getMetadata: (key: unknown, target: object) => tables.get(target)?.get(key),
  getOwnMetadata: (key: unknown, target: object) => tables.get(target)?.get(key),
};
if (!('getMetadata' in Reflect)) Object.assign(Reflect, reflect);

export const peculiar = await import('@peculiar/x509');
