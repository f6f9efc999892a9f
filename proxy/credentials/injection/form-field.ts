import { isPlainText } from '../../../common/credential-grammar.ts';
import type { FormFieldInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { FormEditor } from './form-editor.ts';
import { checkReadable, isForm, mediaTypeOf } from './media-type.ts';
import { invalid, refused } from '../injection-error.ts';
import { checkLength, percentEncode, type PreparedInjection, preparedSecret } from './scheme.ts';

/** Sets a field of an `application/x-www-form-urlencoded` body. */
export function prepareFormField({ name, value }: FormFieldInjection): PreparedInjection {
  checkLength(value);
  if (name === '' || !isPlainText(value)) throw invalid('it has bytes that its place does not allow');
  const pair = Buffer.from(`${percentEncode(Buffer.from(name))}=${percentEncode(value)}`);
  return preparedSecret([value], (draft) => {
    const { hasBody, headers } = draft.request;
    const type = mediaTypeOf(headers);
    if (!hasBody || type === undefined || !isForm(type)) throw refused('its body is not a form');
    checkReadable(headers, type);
    draft.transformBody(new FormEditor(name, { kind: 'set', pair }));
  });
}
