/** How an upstream may spell a value back; a list of its own, so that it does not share a mistake with the scrubber. */
export function renderings(secret: string): [string, string][] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const codes = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  // Base64 of the value behind 0, 1 or 2 other bytes, without the characters that those bytes share.
  const base64 = [0, 1, 2].map((lead): [string, string] => {
    const whole = Buffer.concat([Buffer.alloc(lead, 'a'), bytes, Buffer.from('zz')]).toString('base64');
    const from = Math.ceil((lead * 8) / 6);
    const until = Math.floor(((lead + bytes.length) * 8) / 6);
    return [`base64 at ${lead}`, whole.slice(from, until)];
  });
  const url = base64.map(([name, text]): [string, string] => [
    name.replace('base64', 'base64url'),
    text.replaceAll('+', '-').replaceAll('/', '_'),
  ]);
  return [
    ['raw', secret],
    ...base64,
    ...url,
    ['percent, reserved only', encodeURIComponent(secret)],
    ['percent, reserved only, lower case', encodeURIComponent(secret).replaceAll(/%../g, (code) => code.toLowerCase())],
    ['percent, every byte', codes.map((code) => `%${code.toUpperCase()}`).join('')],
    ['percent, every byte, lower case', codes.map((code) => `%${code}`).join('')],
    ['hex', hex],
    ['hex, upper case', hex.toUpperCase()],
    ['JSON, every byte', codes.map((code) => `\\u00${code}`).join('')],
    ['JSON, every byte, upper case', codes.map((code) => `\\u00${code.toUpperCase()}`).join('')],
    ['JSON, slash escaped', secret.replaceAll('/', '\\/')],
    ['HTML, decimal', [...bytes].map((byte) => `&#${byte};`).join('')],
    ['UTF-16, little end first', wide(secret, 2, 0)],
    ['UTF-16, big end first', wide(secret, 2, 1)],
    ['UTF-32, little end first', wide(secret, 4, 0)],
    ['UTF-32, big end first', wide(secret, 4, 3)],
    ['HTML, hexadecimal', codes.map((code) => `&#x${code};`).join('')],
  ];
}

function wide(text: string, width: number, at: number): string {
  return Array.from(text, (char) => '\0'.repeat(at) + char + '\0'.repeat(width - at - 1)).join('');
}
