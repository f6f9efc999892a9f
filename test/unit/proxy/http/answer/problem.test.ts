import { describe, expect, test } from 'vitest';
import { REASONS, type Reason } from '../../../../../proto/reasons.ts';
import { problemResponse, proxyStatus } from '../../../../../proxy/http/answer/problem.ts';

const reasons = Object.keys(REASONS) as Reason[];

describe('problem answers', () => {
  test.each(reasons)('%s has its status, code, next step and Proxy-Status', (reason) => {
    const problem = problemResponse({ reason, decisionId: 'd-1' });
    const headers = Object.fromEntries(problem.headers);
    const body = JSON.parse(problem.body.toString());
    expect(problem.status).toBe(REASONS[reason].httpStatus);
    expect(body).toMatchObject({ status: problem.status, code: reason, decisionId: 'd-1' });
    expect(body.nextStep).not.toBe('');
    expect(headers['Content-Type']).toBe('application/problem+json');
    expect(headers['Content-Length']).toBe(String(problem.body.length));
    expect(headers['Proxy-Status']).toMatch(/^sidekey; error=[a-z_]+; details="[a-z-]+"$/);
  });

  test('says what the RFCs demand beside 405, 407 and 503', () => {
    const names = (reason: Reason) => problemResponse({ reason }).headers.map(([name]) => name);
    expect(names('method-refused')).toContain('Allow');
    expect(names('proxy-authentication-required')).toContain('Proxy-Authenticate');
    expect(names('control-plane-unavailable')).toContain('Retry-After');
    expect(names('rule-denied')).not.toContain('Retry-After');
  });

  test('puts text from outside in the body alone, quoted and bounded', () => {
    const problem = problemResponse({ reason: 'no-policy', message: `a"\r\nSet-Cookie: x${'y'.repeat(5000)}` });
    expect(problem.headers.every(([, value]) => !/[\r\n\0]/.test(value))).toBe(true);
    expect(JSON.parse(problem.body.toString()).detail).toHaveLength(1000);
  });

  test('tells as denied only what some policy denied', () => {
    const denied = reasons.filter((reason) => proxyStatus(reason).includes('error=http_request_denied;'));
    expect(denied.map((reason) => REASONS[reason].httpStatus).filter((status) => status >= 500)).toEqual([]);
    expect(denied).not.toContain('signed-body-too-large');
  });

  test('maps failures to the registered error types', () => {
    expect(proxyStatus('dns-failed')).toContain('error=dns_error;');
    expect(proxyStatus('loop-refused')).toContain('error=proxy_loop_detected;');
    expect(proxyStatus('rule-denied')).toContain('error=http_request_denied;');
  });
});
