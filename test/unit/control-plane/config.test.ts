import { describe, expect, it } from 'vitest';
import { parseControlPlaneConfig } from '../../../control-plane/config.ts';

describe('parseControlPlaneConfig', () => {
  it('takes flags, then variables, then defaults', () => {
    const config = parseControlPlaneConfig(
      { dataDir: '/d', grpcListen: '0.0.0.0:9000' },
      { SIDEKEY_DATA_DIR: '/e', SIDEKEY_REST_LISTEN: '[::1]:0', SIDEKEY_SEALING_KEYS: 'k' },
    );
    expect(config).toMatchObject({
      dataDir: '/d',
      grpcListen: { host: '0.0.0.0', port: 9000 },
      restListen: { host: '::1', port: 0 },
      tls: undefined,
    });
    expect(JSON.stringify(config)).toContain('"sealingKeys":"[secret]"');
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('takes a password for the database from the environment alone', () => {
    const databaseUrl = 'postgres://sidekey:pass@db/sidekey';
    expect(parseControlPlaneConfig({ dataDir: '/d' }, { SIDEKEY_DATABASE_URL: databaseUrl })).toMatchObject({
      databaseUrl,
    });
    const bare = 'postgres://sidekey@db:5432/sidekey?sslmode=verify-full';
    expect(parseControlPlaneConfig({ dataDir: '/d', databaseUrl: bare }, {})).toMatchObject({ databaseUrl: bare });
  });

  it.each([
    [{}, 'no-data-dir'],
    [{ dataDir: '/d', grpcListen: 'nonsense:port' }, 'bad-listen'],
    [{ dataDir: '/d', restListen: 'localhost' }, 'bad-listen'],
    [{ dataDir: '/d', tlsCertFile: '/c' }, 'bad-tls'],
    [{ dataDir: '/d', tlsCaFile: '/c' }, 'bad-tls'],
    [{ dataDir: '/d', adminOidcIssuer: 'https://i' }, 'bad-admin-oidc'],
    [
      { dataDir: '/d', adminOidcIssuer: 'https://i', adminOidcAudience: 'a', adminOidcClaim: 'groups' },
      'bad-admin-oidc',
    ],
    [
      { dataDir: '/d', adminOidcIssuer: 'http://i', adminOidcAudience: 'a', adminOidcClaim: 'groups=x' },
      'bad-admin-oidc',
    ],
    [{ dataDir: '/d', databaseUrl: 'postgres://sidekey:pass@db/sidekey' }, 'password-in-arguments'],
    [{ dataDir: '/d', databaseUrl: 'postgres://:pass@db' }, 'password-in-arguments'],
    [{ dataDir: '/d', databaseUrl: 'postgres:///sidekey?host=/run&password=pass' }, 'password-in-arguments'],
    [{ dataDir: '/d', adminOidcCaFile: '/ca.pem' }, 'bad-admin-oidc'],
    [{ dataDir: '/d', adminOidcTenantClaim: 'tenants' }, 'bad-admin-oidc'],
  ])('refuses %j', (flags, code) => {
    expect(() => parseControlPlaneConfig(flags, {})).toThrow(expect.objectContaining({ code }));
  });

  it('refuses a variable that is to hold administrators to tenants, and is empty', () => {
    const flags = { dataDir: '/d', adminOidcIssuer: 'https://i', adminOidcAudience: 'a', adminOidcClaim: 'groups=x' };
    expect(() => parseControlPlaneConfig(flags, { SIDEKEY_ADMIN_OIDC_TENANT_CLAIM: '' })).toThrow('names no claim');
    const { adminOidc } = parseControlPlaneConfig(flags, { SIDEKEY_ADMIN_OIDC_TENANT_CLAIM: 'tenants' });
    expect(adminOidc?.tenantClaim).toBe('tenants');
    expect(parseControlPlaneConfig(flags, {}).adminOidc?.tenantClaim).toBeUndefined();
  });
});
