import type { OauthTokenInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { isForm, mediaTypeOf } from './media-type.ts';
import { invalid } from '../injection-error.ts';
import { type InjectableRequest, type LocalReply, type PreparedInjection } from './scheme.ts';

/**
 * Stands in for a token endpoint (RFC 6749): the agent's SDK exchanges its dummy secret there and gets a placeholder,
 * which routes of the API take. The upstream is not called, and nothing that the agent sent goes anywhere.
 */
export function prepareOauthToken({ path, placeholder, expiresInSeconds }: OauthTokenInjection): PreparedInjection {
  if (path === '' || placeholder === '') throw invalid('its token endpoint has no path or no placeholder');
  const token = { access_token: placeholder, token_type: 'Bearer', expires_in: expiresInSeconds };
  const issued = reply(200, token);
  return {
    secrets: [],
    isSecret: false,
    takesPlaceholder: false,
    apply(draft) {
      if (draft.request.path === path) draft.reply = answerTokenRequest(draft.request, issued);
    },
  };
}

const INVALID_REQUEST = reply(400, { error: 'invalid_request' });

/** RFC 6749 section 3.2: POST, with a form. Which grant it asks for makes no difference: policy decides what the token can do. */
function answerTokenRequest({ headers, method }: InjectableRequest, issued: LocalReply): LocalReply {
  const type = mediaTypeOf(headers);
  return method === 'POST' && type !== undefined && isForm(type) ? issued : INVALID_REQUEST;
}

/** RFC 6749 sections 5.1 and 5.2. */
function reply(status: number, content: object): LocalReply {
  const body = Buffer.from(JSON.stringify(content));
  const headers = [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)],
    ['Cache-Control', 'no-store'],
    ['Pragma', 'no-cache'],
  ] as const;
  return { status, headers, body };
}
