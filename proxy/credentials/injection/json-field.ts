import { isPlainText } from '../../../common/credential-grammar.ts';
import type { JsonFieldInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { JsonEditor, pointerTokens } from './json-editor.ts';
import { checkReadable, isJson, mediaTypeOf } from './media-type.ts';
import { invalid, refused } from '../injection-error.ts';
import { checkLength, type PreparedInjection, preparedSecret } from './scheme.ts';

/** Sets a member of an object in a JSON body; the rest of the body passes byte for byte. */
export function prepareJsonField({ pointer, value }: JsonFieldInjection): PreparedInjection {
  checkLength(value);
  if (!isPlainText(value)) throw invalid('it has bytes that its place does not allow');
  const tokens = pointerTokens(pointer);
  if (tokens === undefined) throw invalid('its JSON Pointer names no member');
  const json = Buffer.from(JSON.stringify(Buffer.from(value).toString('utf8')));
  return preparedSecret([value], (draft) => {
    const { hasBody, headers } = draft.request;
    const type = mediaTypeOf(headers);
    if (!hasBody || type === undefined || !isJson(type)) throw refused('its body is not JSON');
    checkReadable(headers, type);
    draft.transformBody(new JsonEditor(pointer, tokens, { kind: 'set', json }));
  });
}
