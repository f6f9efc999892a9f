export interface Verdict {
  readonly verdict:
    | 'covered'
    | 'no route'
    | 'not installed'
    | 'not through the proxy'
    | 'does not trust the proxy'
    | 'failed';
  readonly detail: string;
}

/**
 * A denial of policy in Sidekey's own words, within the connection that it intercepted: its Proxy-Status (RFC 9209), however a
 * tool shows headers, or its problem's type. A bare 403 may be the API's own.
 */
const DENIAL = /(?:sidekey; error=\w+; details=\\?"|urn:sidekey:reason:)(?:policy-denied|no-policy|rule-denied)\b/;

/** Any answer of Sidekey, with its reason. */
const REASON = /(?:sidekey; error=\w+; details=\\?"|urn:sidekey:reason:)([\w-]+)/;

const MAX_DETAIL_CHARS = 100;
/** What Node prints behind an error: where it arose, the rest of the object, its own version. */
const NODE_REMARK = /^(?:at |code:|errno:|syscall:|address:|port:|[{}[\]]*$|Node\.js v)/;

function tellingLine(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  return lines.find((line) => line.startsWith('[cause]:')) ?? lines.findLast((line) => !NODE_REMARK.test(line)) ?? '';
}

/** What a tool's output says of its way. `code` is undefined when there is no such program. */
export function judge(code: number | undefined, output: string): Verdict {
  const detail = tellingLine(output).slice(0, MAX_DETAIL_CHARS);
  if (code === undefined || /ModuleNotFoundError|No module named/.test(output)) {
    return { verdict: 'not installed', detail: '' };
  }
  if (DENIAL.test(output)) return { verdict: 'covered', detail: '' };
  if (/tunnel.*40[37]|HTTP code 40[37] from proxy|no-route|Request was cancelled/i.test(output)) {
    return {
      verdict: 'no route',
      detail: 'it goes through the proxy; give --url with a routed host to prove its trust',
    };
  }
  // Before words of TLS: tools that show headers show its success too.
  const reason = REASON.exec(output)?.[1];
  if (reason !== undefined) {
    return { verdict: 'failed', detail: `Sidekey answered ${reason}, which is no denial by policy: mend that first` };
  }
  if (/certificate|CERT_|SSL|self.signed/i.test(output)) return { verdict: 'does not trust the proxy', detail };
  if (/resolve|ENOTFOUND|getaddrinfo|Name or service/i.test(output))
    return { verdict: 'not through the proxy', detail };
  if (/\b403\b/.test(output)) {
    return {
      verdict: 'failed',
      detail: "a 403 that is not Sidekey's: it goes round the proxy, or policy allows the call",
    };
  }
  return { verdict: 'failed', detail };
}
