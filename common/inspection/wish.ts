import type { InspectedFact, InspectionWish } from './inspect.ts';
import { type JsonPointer, readPointer } from './json-pointer.ts';

/** What is to be read, from facts and selectors as routes carry them (sidekey/v1/route.proto). */
export function makeWish(facts: Iterable<InspectedFact>, selectors: readonly string[]): InspectionWish {
  const pointers = (prefix: string): JsonPointer[] =>
    selectors.filter((one) => one.startsWith(prefix)).map((one) => readPointer(one.slice(prefix.length)));
  return {
    facts: new Set(facts),
    json: pointers('json:'),
    form: new Set(pointers('form:').flatMap((pointer) => pointer.slice(0, 1))),
    mcpArguments: pointers('mcp:'),
  };
}
