import type { AnswerFilter } from './answer-filter.ts';
import { FormMasker } from './mask-form.ts';
import { JsonMasker } from './mask-json.ts';
import { XmlMasker } from './mask-xml.ts';

/** Overwrites values byte by byte; state is kept from one piece to the next. */
export interface Masker {
  /** Changes the bytes in place. */
  mask(bytes: Buffer): void;
}

/**
 * Replaces the values of fields that hold fresh secrets by as many asterisks (attack A-67). By content type: XML, forms, and
 * everything else as JSON, of which only `"name": value` must be right, so that streams of JSON are covered too.
 */
export class SecretMasker implements AnswerFilter {
  readonly keepsLength = true;
  readonly asks = undefined;
  readonly #masker: Masker;

  constructor(fields: ReadonlySet<string>, contentType: string) {
    if (/[/+]xml$/.test(contentType)) this.#masker = new XmlMasker(fields);
    else if (contentType === 'application/x-www-form-urlencoded') this.#masker = new FormMasker(fields);
    else this.#masker = new JsonMasker(fields);
  }

  push(bytes: Buffer): Buffer[] {
    const copy = Buffer.from(bytes);
    this.#masker.mask(copy);
    return [copy];
  }

  answer(): Buffer[] {
    return [];
  }

  end(): Buffer[] {
    return [];
  }
}
