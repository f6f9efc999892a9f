/** What every forwarder puts into the Authorization header. A value of this bench only. */
export const CREDENTIAL = 'bench-credential-0123456789';
export const AUTHORIZATION = `Bearer ${CREDENTIAL}`;
