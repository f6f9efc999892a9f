import { expect, it } from 'vitest';
import { compareSpecificity, type Covering, specificityOf } from '../../../../control-plane/policy/specificity.ts';

const rule = (pattern?: string, methods = false, content = false): Covering => ({ pattern, methods, content });

/** From the widest to the narrowest. */
const ORDER: readonly [clientWorkload: string, covering?: Covering][] = [
  ['*'],
  ['*', rule(undefined, false, true)],
  ['*', rule(undefined, true)],
  ['*', rule(undefined, true, true)],
  ['*', rule('/**', true, true)],
  ['*', rule('/a/**')],
  ['*', rule('/a/*', false, true)],
  ['*', rule('/a/{id}', true)],
  ['*', rule('/a/b*')],
  ['*', rule('/a/b', false)],
  ['*', rule('/a/b/*')],
  ['*', rule('/a/b/c')],
  ['*', rule('/a/b/c', false, true)],
  ['*', rule('/a/b/c', true)],
  ['agent'],
  ['agent', rule('/**')],
  ['agent', rule('/a')],
];

it('orders by client, path, methods and content, each before the next', () => {
  const weights = ORDER.map(([clientWorkload, covering]) => specificityOf({ clientWorkload }, covering));
  const narrower = weights.flatMap((a, at) =>
    weights.map((b, than) => [at, than, Math.sign(compareSpecificity(a, b))]),
  );
  expect(narrower).toEqual(ORDER.flatMap((_, at) => ORDER.map((__, than) => [at, than, Math.sign(at - than)])));
});

it('takes a rule that covers everything for none', () => {
  const spec = { clientWorkload: 'a' };
  expect(compareSpecificity(specificityOf(spec, rule()), specificityOf(spec))).toBe(0);
});
