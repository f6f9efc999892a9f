import type { HeaderList } from '../header-list.ts';
import { parseFields } from './fields.ts';
import { type MessageFields, readMessageFields } from './framing.ts';
import type { MessageKind } from './message-error.ts';

/** A longer head is not kept: each connection holds on to one in either direction. In characters. */
const MAX_KEPT_LENGTH = 2_048;

/** A header section that was read, and what it says of its message. */
export interface HeaderSection {
  readonly headers: HeaderList;
  readonly fields: Readonly<MessageFields>;
}

/**
 * Reads the header sections of one direction of a connection. Peers repeat theirs: one that is, character by character, the
 * one before it is read no third time.
 */
export class SectionReader {
  readonly #kind: MessageKind;
  readonly #maxCount: number;
  #text = '';
  #version = '';
  #kept: HeaderSection | undefined;

  constructor(kind: MessageKind, maxCount: number) {
    this.#kind = kind;
    this.#maxCount = maxCount;
  }

  /**
   * The section from `start` to the end of `text`; its headers are the caller's own.
   *
   * @throws MessageError for what is outside the grammar or ambiguous
   */
  read(text: string, start: number, version: '1.0' | '1.1'): HeaderSection {
    const section = text.slice(start);
    const isRepeated = section === this.#text && version === this.#version;
    if (isRepeated && this.#kept !== undefined) {
      const { headers, fields } = this.#kept;
      return { headers: headers.clone(), fields };
    }
    const headers = this.fields(text, start);
    const fields = readMessageFields(headers, version, this.#kind);
    this.#kept = isRepeated ? { headers: headers.clone(), fields } : undefined;
    this.#text = text.length > MAX_KEPT_LENGTH ? '' : section;
    this.#version = version;
    return { headers, fields };
  }

  /** The fields of such a section, whatever they say of its message. */
  fields(text: string, start: number): HeaderList {
    return parseFields(text, start, this.#maxCount, this.#kind);
  }
}
