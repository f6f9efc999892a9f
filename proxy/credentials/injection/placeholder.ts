import { COOKIE_TEXT, FIELD_TEXT, isPlainText } from '../../../common/credential-grammar.ts';
import type { PlaceholderInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { PlaceholderLocation } from '../../../proto/gen/sidekey/v1/route.ts';
import { fieldName } from '../../protocols/header-list.ts';
import { hasName } from '../parameter-name.ts';
import { cookieName } from './cookie.ts';
import { FormEditor } from './form-editor.ts';
import { checkHeaderName } from './header.ts';
import { JsonEditor, pointerTokens } from './json-editor.ts';
import { checkReadable, isForm, isJson, type MediaType, mediaTypeOf } from './media-type.ts';
import { substitute } from './placeholder-search.ts';
import { substituteInBasic } from './placeholder-basic.ts';
import type { BodyTransform } from '../body-transform.ts';
import { invalid } from '../injection-error.ts';
import {
  checkedText,
  checkLength,
  type Draft,
  encodeSegment,
  percentEncode,
  type PreparedInjection,
  preparedSecret,
} from './scheme.ts';

/**
 * Puts the credential in place of a string that the agent holds instead of it: at this place, once. What is left of
 * placeholders elsewhere is refused by the guard. Without one the call goes on without the credential.
 */
export function preparePlaceholder(injection: PlaceholderInjection): PreparedInjection {
  const { place, value } = injection;
  checkLength(value);
  const known = new Set(injection.placeholders);
  if (place === undefined || known.size === 0) throw invalid('its placeholder has no place');
  const prepared = preparedSecret([value], applyAt(place.location, place.name, known, Buffer.from(value)), true);
  const isInHeader = place.location === PlaceholderLocation.PLACEHOLDER_LOCATION_HEADER;
  return isInHeader ? { ...prepared, header: place.name } : prepared;
}

type Apply = (draft: Draft) => void;

function applyAt(location: PlaceholderLocation, name: string, known: ReadonlySet<string>, value: Buffer): Apply {
  switch (location) {
    case PlaceholderLocation.PLACEHOLDER_LOCATION_HEADER:
      return inHeader(name, known, checkedText(value, FIELD_TEXT));
    case PlaceholderLocation.PLACEHOLDER_LOCATION_COOKIE:
      return inCookie(name, known, checkedText(value, COOKIE_TEXT));
    case PlaceholderLocation.PLACEHOLDER_LOCATION_QUERY:
      return inQuery(name, known, percentEncode(value));
    case PlaceholderLocation.PLACEHOLDER_LOCATION_PATH:
      return inPath(known, value);
    case PlaceholderLocation.PLACEHOLDER_LOCATION_JSON: {
      const tokens = pointerTokens(name);
      if (tokens === undefined || !isPlainText(value)) throw invalid('its place is no member of JSON');
      const secret = value.toString('utf8');
      const replace = (text: string): string | undefined => substitute(text, known, secret);
      return inBody(isJson, () => new JsonEditor(name, tokens, { kind: 'substitute', replace }));
    }
    case PlaceholderLocation.PLACEHOLDER_LOCATION_FORM: {
      const encoded = percentEncode(value);
      const replace = (text: string): string | undefined => substitute(text, known, encoded);
      return inBody(isForm, () => new FormEditor(name, { kind: 'substitute', replace }));
    }
    default:
      throw invalid('its placeholder is at a place that this proxy does not know');
  }
}

function inHeader(name: string, known: ReadonlySet<string>, secret: string): Apply {
  checkHeaderName(name);
  const lower = fieldName(name);
  return (draft) => {
    const { headers } = draft.request;
    const value = headers.get(lower);
    // Several fields of a name may be read as one list, or any of them alone: only a lone one is sure to be ours.
    if (value === undefined || headers.getAll(lower).length !== 1) return;
    const filled = substitute(value, known, secret);
    if (filled !== undefined) return headers.set(name, filled);
    const pair = substituteInBasic(value, known, secret);
    if (pair === undefined) return;
    headers.set(name, pair);
    draft.sentInBase64();
  };
}

/** RFC 6265 section 4.2.1: with other characters in its value some servers take the first part of it, which is not ours. */
const ONE_COOKIE = new RegExp(`^[^=]*=\\s*("?)${COOKIE_TEXT.source.slice(1, -1)}\\1\\s*$`);

function inCookie(name: string, known: ReadonlySet<string>, secret: string): Apply {
  return ({ request: { headers } }) => {
    const line = headers.get('cookie');
    if (line === undefined) return;
    const isOurs = (cookie: string): boolean => cookieName(cookie) === name && ONE_COOKIE.test(cookie);
    const filled = fillPiece(line.split(';'), isOurs, known, secret);
    if (filled !== undefined) headers.set('Cookie', filled.join(';'));
  };
}

function inQuery(name: string, known: ReadonlySet<string>, secret: string): Apply {
  const isOurs = hasName(name);
  return (draft) => {
    if (draft.query === undefined) return;
    const filled = fillPiece(draft.query.split('&'), isOurs, known, secret);
    if (filled !== undefined) draft.query = filled.join('&');
  };
}

function inPath(known: ReadonlySet<string>, value: Buffer): Apply {
  const secret = encodeSegment(value);
  if (!isPlainText(value)) throw invalid('it has bytes that its place does not allow');
  return (draft) => {
    const filled = substitute(draft.path, known, secret);
    if (filled !== undefined) draft.path = filled;
  };
}

/** The pieces with the placeholder of the first fitting one substituted; undefined when it holds none of ours. */
function fillPiece(
  pieces: string[],
  fits: (piece: string) => boolean,
  known: ReadonlySet<string>,
  secret: string,
): string[] | undefined {
  const at = pieces.findIndex(fits);
  const piece = pieces[at];
  const filled = piece === undefined ? undefined : substitute(piece, known, secret);
  return filled === undefined ? undefined : pieces.with(at, filled);
}

/** In a body of another type the guard finds the placeholder, if it is there. */
function inBody(fits: (type: MediaType) => boolean, editor: () => BodyTransform): Apply {
  return (draft) => {
    const { hasBody, headers } = draft.request;
    const type = mediaTypeOf(headers);
    if (!hasBody || type === undefined || !fits(type)) return;
    checkReadable(headers, type);
    draft.transformBody(editor());
  };
}
