import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readAuthorities } from '../../../common/text-file.ts';
import { createRootAuthority } from '../../../common/x509/authority.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { withFolder } from '../../support/folder.ts';

const CA = toPem(createRootAuthority('one').certificateDer);

it.each([
  ['nothing', '', 'holds no certificate in PEM'],
  ['another text', 'kind: Tenant\n', 'holds no certificate in PEM'],
  ['a key alone', CA.replaceAll('CERTIFICATE', 'PRIVATE KEY'), 'holds no certificate in PEM'],
  ['a certificate that was cut', CA.slice(0, 100), 'holds no certificate in PEM'],
  ['a certificate that is damaged', CA.replace(/\n.{40}/, '\n'), 'cannot be read'],
])('a file of authorities that holds %s is refused by the name of its option', async (_, text, told) => {
  await withFolder(async (folder) => {
    const file = join(folder, 'ca.pem');
    writeFileSync(file, text);
    const read = (): string => readAuthorities(file, '--upstream-ca');
    expect(read).toThrow(expect.objectContaining({ code: 'no-certificate', message: expect.stringContaining(told) }));
    expect(read).toThrow(/^--upstream-ca: .*ca\.pem/);
  });
});

it('one with certificates, and remarks between them, is taken as it is', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'ca.pem');
    const text = `# ours\n${CA}# theirs\n${toPem(createRootAuthority('two').certificateDer)}`;
    writeFileSync(file, text);
    expect(readAuthorities(file, '--upstream-ca')).toBe(text);
  });
});
