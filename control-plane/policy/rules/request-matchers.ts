import { parseForm } from '../../../common/inspection/form.ts';
import { mayStandFor } from '../../../common/inspection/parameter-name.ts';
import { matchGlob } from '../../../common/match/glob.ts';
import type { AccessRule } from '../../resources/kinds.ts';
import { type Budget, isSpent } from '../budget.ts';
import type { RequestFacts } from '../facts.ts';
import { isAmbiguousHeader } from '../header-fields.ts';
import { type Fit, fitFact, type Matcher, nameTest } from './fit.ts';

/** Matchers over query, headers, content type and size. */
export function requestMatchers(rule: AccessRule): Matcher[] {
  const matchers: Matcher[] = [];
  const { query, headers, contentTypes, maxBodyBytes } = rule;
  if (query) {
    const wanted = Object.entries(query);
    matchers.push({ reads: ['query'], fits: ({ request, budget }) => fitsQuery(request, wanted, budget) });
  }
  if (headers) {
    const wanted = Object.entries(headers).map(([name, globs]) => [name.toLowerCase(), globs] as const);
    const selectors = wanted.map(([name]) => `header:${name}`);
    matchers.push({
      reads: ['headers'],
      selectors,
      fits: ({ request, budget }) => fitsHeaders(request, wanted, budget),
    });
  }
  if (contentTypes) {
    // The fact is in lower case.
    const isListed = nameTest(
      contentTypes.map((type) => type.toLowerCase()),
      false,
    );
    matchers.push({
      reads: ['contentType'],
      fits: ({ request, budget }) => fitFact(request, 'contentType', (type) => isListed(type, budget)),
    });
  }
  if (maxBodyBytes !== undefined) {
    const fits = (bytes: number): boolean => bytes <= maxBodyBytes;
    matchers.push({ reads: ['bodyBytes'], fits: ({ request }) => fitFact(request, 'bodyBytes', fits) });
  }
  return matchers;
}

const AMBIGUOUS_QUERY: Fit = { fact: 'query', why: 'the query can be read in more than one way' };
const AMBIGUOUS_HEADER: Fit = { fact: 'headers', why: 'a header can be read in more than one way' };

/** Of comparing its name, without regard to case. */
const STEPS_A_HEADER = 5;

type Wanted = readonly (readonly [name: string, globs: readonly string[]])[];

function fitsQuery({ query = '' }: RequestFacts, wanted: Wanted, budget: Budget): Fit {
  budget.left -= query.length;
  try {
    const fields = parseForm(query);
    budget.left -= fields.length * wanted.length;
    if (isSpent(budget)) return false;
    if (wanted.some(([name]) => isAmbiguousParameter(fields, name))) return AMBIGUOUS_QUERY;
    return wanted.every(([name, globs]) => hasFitting(fields, name, globs, budget));
  } catch {
    return AMBIGUOUS_QUERY;
  }
}

/** As with headers; of a list, one value may be what a rule denies. */
function isAmbiguousParameter(fields: readonly { readonly name: string }[], name: string): boolean {
  const alike = fields.filter((field) => mayStandFor(field.name, name));
  return alike.length > 1 || alike.some((field) => field.name !== name);
}

function fitsHeaders({ headers = [] }: RequestFacts, wanted: Wanted, budget: Budget): Fit {
  budget.left -= STEPS_A_HEADER * headers.length * (1 + wanted.length);
  if (isSpent(budget)) return false;
  const fields = headers.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
  if (wanted.some(([name]) => isAmbiguousHeader(fields, name))) return AMBIGUOUS_HEADER;
  return wanted.every(([name, globs]) => hasFitting(fields, name, globs, budget));
}

function hasFitting(
  fields: readonly { readonly name: string; readonly value: string }[],
  name: string,
  globs: readonly string[],
  budget: Budget,
): boolean {
  const found = fields.find((field) => field.name === name);
  return found !== undefined && globs.some((glob) => matchGlob(glob, found.value, budget));
}
