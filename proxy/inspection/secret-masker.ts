import { Refusal } from '../refusal.ts';
import type { AnswerFilter } from './answer-filter.ts';
import { FormMasker } from './mask-form.ts';
import { JsonMasker } from './mask-json.ts';
import { XmlMasker } from './mask-xml.ts';

/** Made with names in lower case. Overwrites values byte by byte; state is kept from one piece to the next. */
export interface Masker {
  /** Changes the bytes in place. @throws Refusal `answer-refused` for what it cannot follow */
  mask(bytes: Buffer): void;
}

/** What is of such a type holds no NUL, unless each character has more than one byte. */
const TEXT = /^$|^text\/|[/+](?:json|xml)$|^application\/x-www-form-urlencoded$/;

/**
 * Replaces the values of fields that hold fresh secrets by as many asterisks (attack A-67). By content type: XML, forms, and
 * everything else as JSON, of which only `"name": value` must be right, so that streams of JSON are covered too; text also as a form,
 * HTML as XML too. Names of fields fit in any case: APIs of one provider differ in it.
 */
export class SecretMasker implements AnswerFilter {
  readonly keepsLength = true;
  readonly asks = undefined;
  readonly #maskers: Masker[];
  readonly #isText: boolean;

  constructor(names: readonly string[], contentType: string) {
    const fields = new Set(names.map((name) => name.toLowerCase()));
    this.#isText = TEXT.test(contentType);
    if (/[/+]xml$/.test(contentType)) this.#maskers = [new XmlMasker(fields)];
    else if (contentType === 'application/x-www-form-urlencoded') this.#maskers = [new FormMasker(fields)];
    else if (contentType === '' || contentType.startsWith('text/'))
      this.#maskers = [new JsonMasker(fields), new FormMasker(fields)];
    else this.#maskers = [new JsonMasker(fields)];
    if (contentType === 'text/html') this.#maskers.push(new XmlMasker(fields));
  }

  /** @throws Refusal `answer-refused` for text in a character set in which nothing was found, and for JSON that is nested too deeply */
  push(bytes: Buffer): Buffer[] {
    if (this.#isText && bytes.includes(0))
      throw new Refusal(
        'answer-refused',
        'secrets cannot be masked in the answer: it is in another charset than UTF-8',
      );
    const copy = Buffer.from(bytes);
    for (const masker of this.#maskers) masker.mask(copy);
    return [copy];
  }

  answer(): Buffer[] {
    return [];
  }

  end(): Buffer[] {
    return [];
  }
}
