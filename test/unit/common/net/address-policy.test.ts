import { describe, expect, it } from 'vitest';
import { checkAddress } from '../../../../common/net/address-policy.ts';
import { parseCidr } from '../../../../common/net/cidr.ts';
import { HostError } from '../../../../common/net/host.ts';

const REFUSED: [string, string][] = [
  ['0.0.0.0', 'this-network'],
  ['0.1.2.3', 'this-network'],
  ['10.255.255.255', 'private'],
  ['100.64.0.1', 'carrier-grade-nat'],
  ['100.127.255.255', 'carrier-grade-nat'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['169.254.1.1', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['169.254.170.23', 'metadata'],
  ['169.254.0.23', 'metadata'],
  ['169.254.42.42', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['fd00:ec2::23', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['172.16.0.0', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.1', 'ietf-protocol'],
  ['192.0.2.1', 'documentation'],
  ['192.31.196.1', 'as112'],
  ['192.52.193.1', 'amt'],
  ['192.88.99.1', '6to4-relay'],
  ['192.168.1.1', 'private'],
  ['192.175.48.1', 'as112'],
  ['198.19.255.255', 'benchmarking'],
  ['198.51.100.1', 'documentation'],
  ['203.0.113.9', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['250.1.1.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::7f00:1', 'ipv4-compatible'],
  ['::ffff:127.0.0.1', 'ipv4-mapped'],
  ['::ffff:93.184.216.34', 'ipv4-mapped'],
  ['::a9fe:a9fe', 'metadata'],
  ['::ffff:a9fe:a9fe', 'metadata'],
  ['::ffff:0:a9fe:a9fe', 'metadata'],
  ['::ffff:0:10.0.0.1', 'ipv4-translated'],
  ['64:ff9b::10.0.0.1', 'nat64'],
  ['64:ff9b::169.254.169.254', 'metadata'],
  ['64:ff9b:1::1', 'nat64-local'],
  ['64:ff9b:1::a9fe:a9fe', 'metadata'],
  ['2001::1', 'teredo'],
  ['2001:0:1:2:3:4:5601:5601', 'metadata'],
  ['2001:10::1', 'ietf-protocol'],
  ['2001:db8::1', 'documentation'],
  ['2002:7f00:1::', '6to4'],
  ['2002:a9fe:a9fe::1', 'metadata'],
  ['2620:4f:8000::1', 'as112'],
  ['3fff::1', 'documentation'],
  ['100::1', 'discard'],
  ['4000::1', 'not-global'],
  ['5f00::1', 'not-global'],
  ['fc00::1', 'unique-local'],
  ['fdff::1', 'unique-local'],
  ['fe80::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['fe80::1%eth0', 'not-an-address'],
  ['example.com', 'not-an-address'],
  ['0x7f.1', 'not-an-address'],
  ['', 'not-an-address'],
];

describe('checkAddress', () => {
  it.each(REFUSED)('refuses %s as %s', (ip, range) => {
    expect(checkAddress(ip, [])).toEqual({ allowed: false, range });
  });

  it.each([
    '1.1.1.1',
    '93.184.216.34',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '2606:4700::1111',
    // Ends as a metadata address, but is of no range that carries one.
    '2606:4700::a9fe:a9fe',
    '2001:4860:4860::8888',
    '2a00::1',
  ])('allows %s', (ip) => {
    expect(checkAddress(ip, [])).toEqual({ allowed: true });
  });

  it('takes exceptions by range, of the same family alone', () => {
    expect(checkAddress('10.1.2.3', [parseCidr('10.0.0.0/8')]).allowed).toBe(true);
    expect(checkAddress('11.1.2.3', [parseCidr('10.0.0.0/8')]).allowed).toBe(true);
    expect(checkAddress('10.127.255.255', [parseCidr('10.0.0.0/9')]).allowed).toBe(true);
    expect(checkAddress('10.128.0.0', [parseCidr('10.0.0.0/9')]).allowed).toBe(false);
    expect(checkAddress('127.0.0.1', [parseCidr('127.0.0.1/32')]).allowed).toBe(true);
    expect(checkAddress('127.0.0.2', [parseCidr('127.0.0.1')]).allowed).toBe(false);
    expect(checkAddress('::1', [parseCidr('::1')]).allowed).toBe(true);
    expect(checkAddress('fd12::9', [parseCidr('fd80::/9')]).allowed).toBe(false);
    expect(checkAddress('fd12::9', [parseCidr('fd00::/8')]).allowed).toBe(true);
    expect(checkAddress('::ffff:10.0.0.1', [parseCidr('10.0.0.0/8')]).allowed).toBe(false);
    expect(checkAddress('10.0.0.1', [parseCidr('::/0')]).allowed).toBe(false);
  });

  it('opens a metadata address only by name', () => {
    const everything = [parseCidr('0.0.0.0/0'), parseCidr('::/0')];
    expect(checkAddress('10.0.0.1', everything).allowed).toBe(true);
    expect(checkAddress('169.254.169.254', everything)).toEqual({ allowed: false, range: 'metadata' });
    expect(checkAddress('169.254.169.254', [parseCidr('169.254.169.254/31')]).allowed).toBe(false);
    expect(checkAddress('::ffff:169.254.169.254', everything).allowed).toBe(false);
    expect(checkAddress('64:ff9b::a9fe:a9fe', everything).allowed).toBe(false);
    expect(checkAddress('fd00:ec2::254', [parseCidr('fd00:ec2::/64')]).allowed).toBe(false);
    expect(checkAddress('fd00:ec2::254', [parseCidr('fd00:ec2::254/128')]).allowed).toBe(true);
    expect(checkAddress('169.254.169.254', [parseCidr('169.254.169.254/32')]).allowed).toBe(true);
  });
});

describe('parseCidr', () => {
  it.each([
    '10.0.0.0/33',
    '10.0.0.1/8',
    '10.128.0.0/8',
    '11.0.0.0/7',
    '10.64.0.0/9',
    '10.0.0/8',
    '::/129',
    'fd00::1/8',
    '10.0.0.0/08',
    '10.0.0.0/',
    '/8',
    '10.0.0.0/8/8',
    'a/8',
    '10.0.0.0/-1',
    '',
  ])('refuses %j', (text) => {
    expect(() => parseCidr(text)).toThrow(HostError);
  });
});
