/** The bytes are no zstd (RFC 8878), or ask for more than a content coding may (RFC 9659). */
export class ZstdError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}
