import type { HeaderList } from '../../protocols/header-list.ts';
import { type ProblemInput, problemOf, type ProblemResponse, refusalWith } from './problem.ts';

/**
 * The answer to a refused request of an SDK of AWS, which reads errors in its own terms alone: of any other JSON that for JavaScript
 * says "XML parse error" for S3, and boto3 nothing but the status. Undefined for other requests.
 */
export function awsRefusal(input: ProblemInput, headers: HeaderList): ProblemResponse | undefined {
  // The one names the operation where a service speaks JSON; S3 demands the other of every signed request.
  const speaksJson = headers.has('x-amz-target');
  if (!speaksJson && !headers.has('x-amz-content-sha256')) return undefined;
  const problem = problemOf(input);
  const { status, code, detail, decisionId } = problem;
  if (speaksJson) {
    const text = JSON.stringify({ __type: code, message: detail, ...problem });
    return refusalWith(input.reason, status, 'application/x-amz-json-1.0', text);
  }
  const members = Object.entries({ Code: code, Message: detail, RequestId: decisionId ?? '' });
  const xml = members.map(([name, text]) => `<${name}>${escapeXml(text)}</${name}>`).join('');
  const whole = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${xml}</Error>\n`;
  return refusalWith(input.reason, status, 'application/xml', whole);
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/[^\t\n\r -\ud7ff\ue000-\ufffd]/g, '?');
}
