import { describe, expect, it } from 'vitest';
import { describeSkew } from '../../../proto/skew.ts';

describe('which releases go together', () => {
  it.each([
    ['0.1.0', '0.1.0'],
    ['0.1.7', '0.1.0'],
    ['0.1.0', '0.1.7'],
    ['0.9.0', '0.10.3'],
    ['1.0.2', '1.1.0'],
    ['0.2.0-rc.1', '0.2.0'],
    ['0.1.0+corp-1', '0.1.0-rc-2+7'],
  ])('a proxy of %s and a control plane of %s', (proxy, controlPlane) => {
    expect(describeSkew(proxy, controlPlane)).toBeUndefined();
  });

  it.each([
    [
      '0.1.0',
      '0.3.1',
      'the proxy is 0.1.0, the control plane 0.3.1, which takes proxies of 0.2 and 0.3: upgrade the proxy',
    ],
    [
      '0.4.0',
      '0.3.1',
      'the proxy is 0.4.0, the control plane 0.3.1, which takes proxies of 0.2 and 0.3: upgrade the control plane',
    ],
    ['0.9.0', '1.0.0', 'the proxy is 0.9.0, the control plane 1.0.0, which takes proxies of 1.0: upgrade the proxy'],
    [
      '1.0.0',
      '0.9.0',
      'the proxy is 1.0.0, the control plane 0.9.0, which takes proxies of 0.8 and 0.9: upgrade the control plane',
    ],
    [
      '',
      '0.1.0',
      'the proxy is of a release that does not say which, the control plane 0.1.0, which takes proxies of 0.0 and 0.1: upgrade the proxy',
    ],
    [
      '0.1.0',
      '',
      'the proxy is 0.1.0, the control plane of a release that does not say which: upgrade the control plane',
    ],
  ])('not a proxy of %j and a control plane of %j, and who is to be upgraded', (proxy, controlPlane, says) => {
    expect(describeSkew(proxy, controlPlane)).toBe(says);
  });

  it.each(['0.1', 'v0.1.0', '0.1.0\n', '0.1.0-\u001b[2J', '1e1.0.0', `0.1.${'9'.repeat(7)}`, 'x'.repeat(9_000)])(
    'shows nothing of what is no release: %j',
    (version) => {
      const says = describeSkew(version, '0.1.0') ?? '';
      expect(says).toMatch(/^the proxy is of a release that does not say which, .*: upgrade the proxy$/);
      expect(describeSkew('0.1.0', version)).toMatch(/a release that does not say which: upgrade the control plane$/);
    },
  );
});
