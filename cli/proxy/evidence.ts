import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SidekeyError, UsageError } from '../../common/errors.ts';
import { Followed } from '../../common/followed.ts';
import { requestLocalEvidence } from '../../policy-client/attest/local-evidence.ts';
import type { Evidence, EvidenceSubject } from '../../proto/gen/sidekey/v1/proxy.ts';

const KUBERNETES_TOKEN_FILE = '/var/run/secrets/sidekey/token';
const MAX_TOKEN_BYTES = 65_536;
// By number, which the compiler compares: the generated names bring gRPC along, and a proxy's start would read it twice.
const WORKLOAD: typeof EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD = 1;
const USER: typeof EvidenceSubject.EVIDENCE_SUBJECT_USER = 2;

interface EvidenceSource {
  readonly kind: 'kubernetes' | 'oidc' | 'local';
  readonly subject: EvidenceSubject;
  /** File with the token; for `local`, the socket that gives it. */
  readonly file: string;
}

export const EVIDENCE_HELP =
  'evidence of identity: kubernetes[=FILE], oidc=FILE, local=SOCKET, or user=FILE for the OIDC token of its user';

/** Reads `--evidence` values into a function that reads the tokens afresh at each attestation. */
export function readEvidenceSources(texts: readonly string[]): (proxyKeySpki: Buffer) => Promise<Evidence[]> {
  const sources = texts.map(parseSource);
  return (proxyKeySpki) =>
    Promise.all(
      sources.map(async ({ kind, subject, file }) => {
        const text = kind === 'local' ? await requestLocalEvidence(file, proxyKeySpki) : await readToken(file);
        if (text.length > MAX_TOKEN_BYTES) throw new UsageError('bad-evidence', `${file} is too large for a token`);
        return { kind, subject, token: Buffer.from(text) };
      }),
    );
}

const LOOK_MS = 500;

/**
 * Looks whose token lies in the `user=FILE` of these `--evidence` values; undefined where there is none. What is given calls its
 * listener when it is another's, or nobody's, and gives what stops that.
 */
export function watchUser(texts: readonly string[]): ((listener: () => void) => () => void) | undefined {
  const file = texts.map(parseSource).find(({ subject }) => subject === USER)?.file;
  return file === undefined ? undefined : (listener) => followUser(file, listener);
}

function followUser(file: string, listener: () => void): () => void {
  // At once, before anybody attests with it. What cannot be read is nobody's.
  const held = userOf(readIfThere(file));
  const read = async (): Promise<string | undefined> => userOf(await readToken(file).catch(() => ''));
  const followed = new Followed(held, { read, changed: listener, failed: () => {} }, LOOK_MS);
  return () => followed.stop();
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Whom a token names, which nobody has verified; undefined: nobody. */
function userOf(token: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')), [
      'iss',
      'sub',
    ]);
  } catch {
    return undefined;
  }
}

/** Its code is the reason that agents are told meanwhile. */
async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new SidekeyError('evidence-missing', `--evidence: cannot read ${file}`, { cause });
  }
}

/** The files with tokens that these `--evidence` values name. */
export function evidenceFiles(texts: readonly string[]): string[] {
  return texts.map((text) => parseSource(text).file);
}

function parseSource(text: string): EvidenceSource {
  const cut = text.indexOf('=');
  const kind = cut === -1 ? text : text.slice(0, cut);
  const file = cut === -1 ? '' : text.slice(cut + 1);
  if (kind === 'kubernetes') {
    return { kind, subject: WORKLOAD, file: file || KUBERNETES_TOKEN_FILE };
  }
  if (kind === 'local' && file !== '') return { kind, subject: WORKLOAD, file };
  if (kind === 'oidc' && file !== '') return { kind, subject: WORKLOAD, file };
  if (kind === 'user' && file !== '') return { kind: 'oidc', subject: USER, file };
  throw new UsageError(
    'bad-evidence',
    `--evidence: use kubernetes[=FILE], oidc=FILE, local=SOCKET or user=FILE, not "${text}"`,
  );
}
