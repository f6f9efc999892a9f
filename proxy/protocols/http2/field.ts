import { FIELD, isBlank, TOKEN } from '../http1/characters.ts';

/** What a field is to a message (RFC 9113 8.2, 8.3). The last four make a message malformed. */
export const FieldKind = {
  regular: 0,
  cookie: 1,
  host: 2,
  contentLength: 3,
  te: 4,
  method: 5,
  scheme: 6,
  authority: 7,
  path: 8,
  protocol: 9,
  status: 10,
  connectionSpecific: 11,
  unknownPseudo: 12,
  badName: 13,
  badValue: 14,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

const KINDS = new Map<string, FieldKind>([
  ['cookie', FieldKind.cookie],
  ['host', FieldKind.host],
  ['content-length', FieldKind.contentLength],
  ['te', FieldKind.te],
  [':method', FieldKind.method],
  [':scheme', FieldKind.scheme],
  [':authority', FieldKind.authority],
  [':path', FieldKind.path],
  [':protocol', FieldKind.protocol],
  [':status', FieldKind.status],
  ['connection', FieldKind.connectionSpecific],
  ['keep-alive', FieldKind.connectionSpecific],
  ['proxy-connection', FieldKind.connectionSpecific],
  ['transfer-encoding', FieldKind.connectionSpecific],
  ['upgrade', FieldKind.connectionSpecific],
]);

/** What an entry adds to the size of a table or a list, besides its octets (RFC 7541 4.1, RFC 9113 6.5.2). */
const ENTRY_OVERHEAD_BYTES = 32;

/** A field line as HPACK holds it: judged once, when its octets arrive, however often it is then referred to. */
export class Field {
  readonly name: string;
  readonly value: string;
  /** What the name alone says; the value can only make it worse. */
  readonly nameKind: FieldKind;
  readonly kind: FieldKind;
  readonly size: number;

  constructor(name: string, nameKind: FieldKind, value: string) {
    this.name = name;
    this.value = value;
    this.nameKind = nameKind;
    this.kind = nameKind < FieldKind.connectionSpecific && !isPlainValue(value) ? FieldKind.badValue : nameKind;
    this.size = entrySize(name, value);
  }
}

/** The size of an entry (RFC 7541 4.1); each character of both is one octet. */
export function entrySize(name: string, value: string): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

export function kindOfName(name: string): FieldKind {
  const known = KINDS.get(name);
  if (known !== undefined) return known;
  if (name.startsWith(':')) return FieldKind.unknownPseudo;
  return isPlainName(name) ? FieldKind.regular : FieldKind.badName;
}

/** A token in lower case (RFC 9113 8.2.1). */
function isPlainName(name: string): boolean {
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (TOKEN[code] !== 1 || (code >= 0x41 && code <= 0x5a)) return false;
  }
  return name !== '';
}

/** No control characters, NUL, CR and LF above all, and no blank at either end (RFC 9113 8.2.1). */
function isPlainValue(value: string): boolean {
  const last = value.length - 1;
  for (let at = 0; at <= last; at += 1) {
    if (FIELD[value.charCodeAt(at)] !== 1) return false;
  }
  return last < 0 || !(isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(last)));
}
