let second = -1;
let text = '';

/** The value of a Date field (RFC 9110 5.6.7) for milliseconds since the epoch; made once a second. */
export function httpDate(now: number): string {
  const nowSecond = Math.floor(now / 1000);
  if (nowSecond !== second) {
    second = nowSecond;
    text = new Date(now).toUTCString();
  }
  return text;
}
