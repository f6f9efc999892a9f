import { describe, expect, test } from 'vitest';
import {
  deflateAgreement,
  deflateOffers,
  formatDeflate,
} from '../../../../../proxy/protocols/websocket/deflate-agreement.ts';
import { readExtensions } from '../../../../../proxy/protocols/websocket/extension-header.ts';

const offers = (text: string) => deflateOffers(readExtensions([text]) ?? []);
const agreed = (answer: string, offered: string) => {
  const found = deflateAgreement(readExtensions([answer]) ?? [], offers(offered));
  return found === undefined || found === 'invalid' ? found : formatDeflate([found]);
};
const PMD = 'permessage-deflate';

describe('permessage-deflate offers', () => {
  test.each([
    [PMD, PMD],
    [`${PMD}; client_max_window_bits`, `${PMD}; client_max_window_bits`],
    [
      `${PMD} ; server_max_window_bits="10";client_max_window_bits=9`,
      `${PMD}; server_max_window_bits=10; client_max_window_bits=9`,
    ],
    [`${PMD}; server_no_context_takeover, ${PMD}`, `${PMD}; server_no_context_takeover, ${PMD}`],
    [`x-other; a=1, ${PMD}`, PMD],
    [`${PMD}; unknown`, undefined],
    [`${PMD}; server_max_window_bits`, undefined],
    [`${PMD}; server_max_window_bits=16`, undefined],
    [`${PMD}; server_max_window_bits=08`, undefined],
    [`${PMD}; server_no_context_takeover=1`, undefined],
    [`${PMD}; server_no_context_takeover; server_no_context_takeover`, undefined],
    ['', undefined],
  ])('%j goes on as %j', (text, expected) => {
    expect(formatDeflate(offers(text))).toBe(expected);
  });
});

describe('permessage-deflate answers', () => {
  test.each([
    [PMD, PMD, PMD],
    ['', PMD, undefined],
    [`${PMD}; server_no_context_takeover`, PMD, `${PMD}; server_no_context_takeover`],
    [`${PMD}; client_no_context_takeover`, PMD, `${PMD}; client_no_context_takeover`],
    [`${PMD}; client_max_window_bits=10`, `${PMD}; client_max_window_bits`, `${PMD}; client_max_window_bits=10`],
    [`${PMD}; client_max_window_bits=10`, PMD, 'invalid'],
    [`${PMD}; client_max_window_bits=10`, `${PMD}; client_max_window_bits=9`, 'invalid'],
    [`${PMD}; client_max_window_bits`, `${PMD}; client_max_window_bits`, 'invalid'],
    [PMD, `${PMD}; server_no_context_takeover`, 'invalid'],
    [PMD, `${PMD}; server_no_context_takeover, ${PMD}`, PMD],
    [`${PMD}; server_max_window_bits=11`, `${PMD}; server_max_window_bits=10`, 'invalid'],
    [`${PMD}; server_max_window_bits=9`, `${PMD}; server_max_window_bits=10`, `${PMD}; server_max_window_bits=9`],
    [PMD, '', 'invalid'],
    [`${PMD}; unknown`, PMD, 'invalid'],
  ])('%j to %j is %j', (answer, offered, expected) => {
    expect(agreed(answer, offered)).toBe(expected);
  });
});
