/** Arguments of Node for a server that does nothing: what Node itself takes, to be set against what is built on it. */
export function bareNode(port: number): string[] {
  return ['-e', `require('node:net').createServer().listen(${port},'127.0.0.1')`];
}
