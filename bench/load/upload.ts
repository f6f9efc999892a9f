const START = '{"model":"bench","messages":[{"role":"user","content":"';
const END = '"}]}';
const PROSE =
  'The proxy reads what the agent sends, decides, and passes it on. \\"Nothing is held back\\", says its maker: 100 % of it \\u2014 or none.\\n';

/** A body of so many bytes like those that agents send to models: JSON with prose, line ends and quotes in it. */
export function chatBody(bytes: number): string {
  const room = bytes - START.length - END.length;
  return `${START}${PROSE.repeat(Math.floor(room / PROSE.length)).padEnd(room, '.')}${END}`;
}
