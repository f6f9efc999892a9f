import { readClaim } from '../policy/selectors.ts';
import { CredentialError } from './credential-minter.ts';
import type { MintContext } from './credential-minter.ts';

const VARIABLE = /\{\{\s*([\w.-]+)\s*\}\}/g;
const LONE_VARIABLE = /^\{\{\s*([\w.-]+)\s*\}\}$/;
const MAX_VALUE_LENGTH = 1024;

/**
 * Fills `{{tenant}}`, `{{workload}}`, `{{user}}`, `{{serverWorkload}}` and `{{agent.<claim path>}}`, as in `{{agent.kubernetes.namespace}}`.
 * A name without a value is an error, never an empty string. A lone variable is put in as it is; within other text, whatever is
 * not a letter, a digit or one of `-._~@/` is percent-encoded, so that a value cannot pose as the text around it.
 */
export function fillTemplate(template: string, context: MintContext): string {
  const lone = LONE_VARIABLE.exec(template)?.[1];
  const filled =
    lone === undefined
      ? template.replaceAll(VARIABLE, (_, name: string) => encodeValue(valueOf(name, context)))
      : valueOf(lone, context);
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

function encodeValue(value: string): string {
  return encodeURIComponent(value)
    .replaceAll(/%(?:2F|40)/g, (code) => (code === '%2F' ? '/' : '@'))
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
