import { z } from 'zod';
import { mayCarryCredential } from '../../common/credential-grammar.ts';

export const token = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'use a token (RFC 9110 section 5.6.2)');

export const headerName = token.refine(mayCarryCredential, { error: 'this header may not carry a credential' });
