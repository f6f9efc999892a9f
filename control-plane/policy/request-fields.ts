import { writePointer } from '../../common/inspection/json-pointer.ts';
import { CelError } from './cel-error.ts';
import type { FactName } from './facts.ts';

/** A field of the CEL variable `request`. */
interface RequestField {
  /** The fact that it is read from; undefined for what every question holds. */
  readonly fact?: FactName;
  /** The only names below it. Absent: it is a value, or a map of whatever the agent sent. */
  readonly members?: readonly string[];
  /** A map of whatever the agent sent, in which a name may be missing. */
  readonly open?: boolean;
}

const FIELDS: Readonly<Record<string, RequestField>> = {
  scheme: {},
  host: {},
  port: {},
  method: {},
  path: { fact: 'path' },
  vars: { fact: 'path', open: true },
  query: { fact: 'query' },
  headers: { fact: 'headers', open: true },
  bodyBytes: { fact: 'bodyBytes' },
  contentType: { fact: 'contentType' },
  json: { fact: 'json', open: true },
  form: { fact: 'form', open: true },
  graphql: { fact: 'graphql', members: ['type', 'name', 'rootFields'] },
  jsonRpc: { fact: 'jsonRpc', members: ['method'] },
  a2a: { fact: 'a2a', members: ['method', 'skill'] },
  mcp: { fact: 'mcp', members: ['method', 'tool', 'resource', 'prompt', 'arguments'] },
};

/** What an expression reads of a request. */
export interface RequestUse {
  readonly reads: Set<FactName>;
  readonly selectors: Set<string>;
}

/**
 * Notes that the expression reads the member of `request` to which the names lead. What is misspelled, or too wide to say what
 * is read, is refused: it would be false without an error, and a rule that denies would let the call pass. Throws CelError.
 */
export function noteRequestUse({ reads, selectors }: RequestUse, path: readonly string[]): void {
  const [name, ...rest] = path;
  if (name === undefined) throw forbidden('name the field of request, as in request.method');
  const field = fieldNamed(name);
  if (field.fact !== undefined) reads.add(field.fact);
  if (field.members !== undefined) checkMember(name, field.members, rest[0]);
  if (name === 'headers') selectors.add(`header:${checkedHeader(rest[0]) ?? '*'}`);
  else if (name === 'json') selectors.add(`json:${writePointer(rest)}`);
  else if (name === 'form') {
    if (rest[0] === undefined) throw forbidden('name the field of request.form, as in request.form.amount');
    selectors.add(`form:${writePointer([rest[0]])}`);
  } else if (name === 'mcp' && rest[0] === 'arguments') {
    reads.add('mcpArguments');
    selectors.add(`mcp:${writePointer(rest.slice(1))}`);
  }
}

/** Refuses `has` of what is always there: it is false only for what could not be read. Throws CelError. */
export function checkPresenceTest(path: readonly string[]): void {
  const [name, member] = path;
  if (name === undefined) return;
  const isArguments = name === 'mcp' && member === 'arguments';
  if (path.length > (isArguments ? 2 : 1) && (fieldNamed(name).open === true || isArguments)) return;
  const text = ['request', ...path].join('.');
  throw forbidden(
    `has(${text}) is not available: leave it out, and what cannot be read denies; test a name within, as in has(request.json.amount)`,
  );
}

function fieldNamed(name: string): RequestField {
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (field === undefined) throw forbidden(`request has no field ${name}; it has ${Object.keys(FIELDS).join(', ')}`);
  return field;
}

function checkMember(name: string, members: readonly string[], member: string | undefined): void {
  if (member !== undefined && members.includes(member)) return;
  const known = members.map((one) => `request.${name}.${one}`).join(', ');
  throw forbidden(
    member === undefined
      ? `name the field of request.${name}: ${known}`
      : `request.${name} has no field ${member}; there are ${known}`,
  );
}

function checkedHeader(name: string | undefined): string | undefined {
  if (name === undefined || name === name.toLowerCase()) return name;
  throw forbidden(`write header names in lower case: ${name.toLowerCase()}`);
}

function forbidden(message: string): CelError {
  return new CelError('cel-forbidden', message);
}
