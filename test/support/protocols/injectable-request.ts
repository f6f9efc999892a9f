import { type InjectableRequest, InjectionError } from '../../../proxy/credentials/inject.ts';
import { NO_CLAIMS } from '../../../proxy/credentials/injection/scheme.ts';
import { HeaderList } from '../../../proxy/protocols/header-list.ts';

/** A POST over TLS with a body, as it was decided. */
export function injectableRequest(changes: Partial<InjectableRequest> = {}): InjectableRequest {
  return {
    destination: { scheme: 'https', host: 'api.example.com', port: 443 },
    claims: NO_CLAIMS,
    method: 'POST',
    path: '/a',
    headers: HeaderList.from([]),
    query: undefined,
    cleartextAllowed: false,
    hasBody: true,
    ...changes,
  };
}

/** Why an injection was refused; `ok` when it was not. */
export function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InjectionError) return error.reason;
    throw error;
  }
  return 'ok';
}
