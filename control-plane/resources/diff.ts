import { isJsonObject } from '../../common/inspection/strict-json.ts';

/** One field that differs; values as JSON text, absent where there is none. */
export interface FieldChange {
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
}

/** Leaf by leaf differences of two JSON values. Lists count as leaves when their lengths differ. */
export function diffValues(before: unknown, after: unknown, path = ''): FieldChange[] {
  const from = toJson(before);
  const to = toJson(after);
  if (from === to) return [];
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => diffValues(before[name], after[name], path === '' ? name : `${path}.${name}`));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, index) => diffValues(item, after[index], `${path}[${index}]`));
  }
  return [{ path, ...(from === undefined ? {} : { before: from }), ...(to === undefined ? {} : { after: to }) }];
}

/** JSON with sorted names: jsonb does not keep their order. */
export function toJson(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(sortNames(value));
}

function sortNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortNames);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sortNames(value[name])]),
  );
}
