/** Where the keys of an issuer come from. Without `jwks`: OpenID discovery at the issuer. */
export interface JwksConfiguration {
  readonly jwks?: { readonly inline: InlineJwks } | { readonly url: string } | undefined;
  /** PEM certificates to trust beside the system's roots when fetching. */
  readonly ca?: string | undefined;
  /** Address ranges (CIDR) that may be dialled although the address policy refuses them. */
  readonly allowedAddresses?: readonly string[] | undefined;
}

/** A JWK set (RFC 7517 section 5) as a resource holds it. */
export interface InlineJwks {
  readonly keys: readonly { readonly kty: string; readonly [member: string]: unknown }[];
}
