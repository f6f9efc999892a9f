import type { HeaderList } from '../../protocols/header-list.ts';

/**
 * Character sets in which text has other bytes than in ASCII, and that are not among the renderings of a secret. A server may
 * choose one because the agent asked for it (`Accept`, `Accept-Charset`).
 */
const OTHER_BYTES = /^(?:utf-?7|utf-?ebcdic|scsu|bocu-?1|hz-gb-2312|.*ebcdic.*)$/;
const CODE_PAGE = /^(?:x-)?(?:ibm|cp|ccsid|csibm)[-_]?0*(\d+)/;
/** IBM's code pages of the EBCDIC kind. */
const EBCDIC = new Set(
  `37 273 274 275 277 278 280 281 284 285 290 297 420 423 424 425 500 803 833 836 838 870 871 875 880 905 918 924 930 933
   935 937 939 1025 1026 1047 1097 1112 1122 1123 1130 1132 1137 1140 1141 1142 1143 1144 1145 1146 1147 1148 1149 1153
   1154 1155 1156 1157 1158 1160 1164 1364 1371 1388 1390 1399`.split(/\s+/),
);

/** Whether the content of an answer says that it is in such a character set. */
export function hidesText(headers: HeaderList): boolean {
  return headers.getAll('content-type').some(hides);
}

function hides(contentType: string): boolean {
  const lower = contentType.toLowerCase();
  if (!lower.includes('charset')) return false;
  const named = lower.matchAll(/charset\s*=\s*["']?([^\s"';,]*)/g);
  return [...named].some(([, charset = '']) => {
    return OTHER_BYTES.test(charset) || EBCDIC.has(CODE_PAGE.exec(charset)?.[1] ?? '');
  });
}
