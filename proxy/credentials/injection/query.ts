import type { QueryInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { invalid } from '../injection-error.ts';
import { checkLength, percentEncode, type PreparedInjection, preparedSecret } from './scheme.ts';

/** Query parameter `<name>=<value>`, percent-encoded, behind what is there. */
export function prepareQuery({ name, value }: QueryInjection): PreparedInjection {
  checkLength(value);
  if (name === '') throw invalid('its query parameter has no name');
  const pair = `${percentEncode(Buffer.from(name))}=${percentEncode(value)}`;
  return preparedSecret([value], (draft) => {
    draft.query = draft.query ? `${draft.query}&${pair}` : pair;
  });
}
