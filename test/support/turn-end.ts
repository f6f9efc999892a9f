/** Until the end of the present turn of the event loop has done its work. */
export function turnEnd(): Promise<void> {
  return new Promise((done) => setImmediate(() => setImmediate(done)));
}
