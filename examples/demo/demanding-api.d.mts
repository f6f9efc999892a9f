import type { RequestListener } from 'node:http';
import type { JWTVerifyGetKey } from 'jose';

export function createDemandingApi(options: {
  readonly keys: JWTVerifyGetKey;
  readonly issuer: string;
  readonly audience: string;
}): {
  readonly handle: RequestListener;
  readonly seenTokens: ReadonlySet<string>;
  readonly seenCalls: readonly string[];
};
