import { isPlainText } from '../../../common/credential-grammar.ts';
import type { PathSegmentInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { invalid, refused } from '../injection-error.ts';
import { checkLength, encodeSegment, type PreparedInjection, preparedSecret } from './scheme.ts';

/**
 * Puts the credential in place of one segment of the path, between the prefix and the suffix that the agent sends too:
 * `/bot{{credential}}/getMe`. What the agent had between them is dropped.
 */
export function preparePathSegment({ index, prefix, suffix, value }: PathSegmentInjection): PreparedInjection {
  checkLength(value);
  if (encodeSegment(Buffer.from(prefix + suffix)) !== prefix + suffix) throw invalid('its prefix is no part of a path');
  const segment = `${prefix}${encodeSegment(value)}${suffix}`;
  if (!isPlainText(value)) throw invalid('it has bytes that its place does not allow');
  return preparedSecret([value], (draft) => {
    const segments = draft.path.split('/');
    // A path starts with "/", in front of which there is nothing.
    const own = segments[index + 1];
    const fits =
      own !== undefined && own.length > prefix.length + suffix.length && own.startsWith(prefix) && own.endsWith(suffix);
    if (!fits) throw refused('its path has another shape');
    segments[index + 1] = segment;
    draft.path = segments.join('/');
  });
}
