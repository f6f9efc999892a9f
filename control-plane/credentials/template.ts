import { readClaim } from '../policy/selectors.ts';
import { CredentialError } from './credential-minter.ts';
import type { MintContext } from './credential-minter.ts';

const VARIABLE = /\{\{\s*([\w.-]+)\s*\}\}/g;
const LONE_VARIABLE = /^\{\{\s*([\w.-]+)\s*\}\}$/;
const MAX_VALUE_LENGTH = 1024;

/** What values hold however they are encoded, so that it tells nobody where one ends. */
const PARTS_NOTHING = /[A-Za-z0-9%]/g;

/**
 * Fills `{{tenant}}`, `{{workload}}`, `{{user}}`, `{{serverWorkload}}` and `{{agent.<claim path>}}`, as in `{{agent.kubernetes.namespace}}`.
 * A name without a value is an error, never an empty string. A lone variable is put in as it is; within other text, whatever is
 * not a letter, a digit or one of `-._~@/` is percent-encoded, and so is what stands between two variables, so that a value cannot
 * pose as the text around it, nor as a part of the value beside it.
 */
export function fillTemplate(template: string, context: MintContext): string {
  const lone = LONE_VARIABLE.exec(template)?.[1];
  if (lone !== undefined) return refuseMalformed(valueOf(lone, context));
  const between = textsBetween(template);
  if (!between.every(parts)) throw new CredentialError('a template has two variables that nothing parts');
  const parting = new Set(between.join(''));
  return refuseMalformed(
    template.replaceAll(VARIABLE, (_, name: string) => encodeValue(valueOf(name, context), parting)),
  );
}

/** Whether two variables of the template, or of a string within a JSON value, stand so that their values run together. */
export function runsTogether(value: unknown): boolean {
  if (typeof value === 'string') return !textsBetween(value).every(parts);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(runsTogether);
}

/** What stands between the variables of a template. */
function textsBetween(template: string): string[] {
  // Every second one is the name of a variable.
  return template
    .split(VARIABLE)
    .filter((_, at) => at % 2 === 0)
    .slice(1, -1);
}

function parts(text: string): boolean {
  return text.replaceAll(PARTS_NOTHING, '') !== '';
}

function refuseMalformed(filled: string): string {
  if (filled.includes('{{')) throw new CredentialError('a template has a malformed variable');
  return filled;
}

/** Fills every string within a JSON value. */
export function fillTemplates(value: unknown, context: MintContext): unknown {
  if (typeof value === 'string') return fillTemplate(value, context);
  if (Array.isArray(value)) return value.map((item) => fillTemplates(item, context));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fillTemplates(item, context)]));
  }
  return value;
}

function valueOf(name: string, context: MintContext): string {
  const value = lookUp(name, context);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string' || value === '' || value.length > MAX_VALUE_LENGTH || /\p{Cc}/u.test(value)) {
    throw new CredentialError(`the template variable ${name} has no usable value`);
  }
  return value;
}

function lookUp(name: string, context: MintContext): unknown {
  switch (name) {
    case 'tenant':
      return context.tenant;
    case 'workload':
      return context.workload;
    case 'user':
      return context.user;
    case 'serverWorkload':
      return context.serverWorkload;
  }
  if (!name.startsWith('agent.')) throw new CredentialError(`the template variable ${name} is unknown`);
  return readClaim(context.claims, name.slice('agent.'.length));
}

function encodeValue(value: string, parting: ReadonlySet<string>): string {
  const encoded = encodeURIComponent(value)
    .replaceAll(/%(?:2F|40)/g, (code) => (code === '%2F' ? '/' : '@'))
    .replaceAll(/[!'()*]/g, percentCode);
  return encoded.replaceAll(/[-._~@/]/g, (char) => (parting.has(char) ? percentCode(char) : char));
}

function percentCode(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}
