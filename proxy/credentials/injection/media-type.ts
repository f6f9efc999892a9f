import { isJsonType } from '../../../common/inspection/request-body.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { refused } from '../injection-error.ts';

export interface MediaType {
  /** Lower case, without parameters. */
  readonly type: string;
  /** Lower case; undefined when it is not said. */
  readonly charset: string | undefined;
}

/** The media type of a message (RFC 9110 section 8.3.1); undefined when there is none, or more than one. */
export function mediaTypeOf(headers: HeaderList): MediaType | undefined {
  const [value, ...others] = headers.getAll('content-type');
  if (value === undefined || others.length > 0) return undefined;
  const [type = '', ...parameters] = value.toLowerCase().split(';');
  const charsets = parameters.flatMap((parameter) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1] ?? []);
  return charsets.length > 1 ? undefined : { type: type.trim(), charset: charsets[0] };
}

/** Whether a body of this type is JSON (RFC 8259, RFC 6839 section 3.1). */
export function isJson({ type }: MediaType): boolean {
  return isJsonType(type);
}

export function isForm({ type }: MediaType): boolean {
  return type === 'application/x-www-form-urlencoded';
}

/** Whether a body is of a type that holds no text, or compressed text. What is not said may be text. */
export function isBinary(headers: HeaderList): boolean {
  if ((headers.get('content-encoding') ?? 'identity').trim().toLowerCase() !== 'identity') return true;
  const type = mediaTypeOf(headers)?.type ?? '';
  return /^(?:image|audio|video|font)\/|^application\/(?:octet-stream|zip|gzip|pdf|x-git-|grpc|vnd\.apache\.)/.test(
    type,
  );
}

/** Checks that the body can be read as it comes. @throws InjectionError `injection-refused` */
export function checkReadable(headers: HeaderList, { charset }: MediaType): void {
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') throw refused('its body is not in UTF-8');
  const codings = headers.getAll('content-encoding').join(',').toLowerCase().trim();
  if (codings !== '' && codings !== 'identity') throw refused('its body has a content coding');
}
