import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDocuments } from '../../../cli/documents.ts';

function provider(source: string): string {
  return `apiVersion: sidekey.dev/v1\nkind: CredentialProvider\nmetadata: { name: key }\nspec: { type: static, secret: ${source} }\n`;
}

function tenant(name: string): string {
  return `apiVersion: sidekey.dev/v1\nkind: Tenant\nmetadata: { name: ${name} }\nspec: {}\n`;
}

describe('readDocuments', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sidekey-documents-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    delete process.env['DOCUMENTS_TEST_SECRET'];
  });

  function write(name: string, text: string | Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  it('brings in a secret from a file beside the document, without its line end', async () => {
    write('key.txt', 'hunter2\n');
    const [document] = await readDocuments([write('p.yaml', provider('{ fromFile: key.txt }'))]);
    expect(document?.document).toMatchObject({ spec: { secret: { value: 'hunter2' } } });
  });

  it.each([
    ['UTF-16 with its mark', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le'), 'is in UTF-16'],
    ['UTF-16, the high byte first', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(), 'is in UTF-16'],
    ['UTF-16 without a mark', (text: string) => Buffer.from(text, 'utf16le'), 'is in UTF-16'],
    ['Latin-1', (text: string) => Buffer.from(`${text}# \u00e9`, 'latin1'), 'is no text in UTF-8'],
  ])('says of %s what to do about it', async (_, encode, problem) => {
    const file = write('p.yaml', encode(provider('{ fromFile: key.txt }')));
    await expect(readDocuments([file])).rejects.toThrow(`${file} ${problem}: save it as UTF-8`);
  });

  it('takes UTF-8 with its mark', async () => {
    write('key.txt', 'hunter2');
    const [document] = await readDocuments([write('p.yaml', `\ufeff${provider('{ fromFile: key.txt }')}`)]);
    expect(document?.document).toMatchObject({ spec: { secret: { value: 'hunter2' } } });
  });

  it('brings in a secret from the environment', async () => {
    process.env['DOCUMENTS_TEST_SECRET'] = 'hunter2';
    const [document] = await readDocuments([write('p.yaml', provider('{ fromEnv: DOCUMENTS_TEST_SECRET }'))]);
    expect(document?.document).toMatchObject({ spec: { secret: { value: 'hunter2' } } });
  });

  describe('from standard input', () => {
    const stdin = Object.getOwnPropertyDescriptor(process, 'stdin') ?? {};
    afterEach(() => Object.defineProperty(process, 'stdin', stdin));

    function say(text: string): void {
      Object.defineProperty(process, 'stdin', { ...stdin, get: () => said });
      const said = Readable.from([text]);
    }

    it('brings in one secret', async () => {
      say('hunter2\n');
      const [document] = await readDocuments([write('p.yaml', provider('{ fromStdin: true }'))]);
      expect(document?.document).toMatchObject({ spec: { secret: { value: 'hunter2' } } });
    });

    it('never an empty one: to a second place, beside documents, or where nothing is said', async () => {
      const text = provider('{ fromStdin: true }');
      say('hunter2\n');
      const two = write('two.yaml', `${text}---\n${text.replace('name: key', 'name: other')}`);
      await expect(readDocuments([two])).rejects.toThrow(`${two}:9: spec.secret: standard input has no secret left`);
      say(text);
      await expect(readDocuments(['-'])).rejects.toThrow('standard input has no secret left');
      say('\n');
      await expect(readDocuments([write('p.yaml', text)])).rejects.toThrow('standard input has no secret left');
    });
  });

  it('refuses an empty file as a secret', async () => {
    write('key.txt', '\n');
    await expect(readDocuments([write('p.yaml', provider('{ fromFile: key.txt }'))])).rejects.toThrow(
      'key.txt is empty',
    );
  });

  it('brings in nothing where no secret belongs', async () => {
    process.env['DOCUMENTS_TEST_SECRET'] = 'hunter2';
    const claims = '{ build: { fromEnv: DOCUMENTS_TEST_SECRET }, list: [{ fromFile: /etc/hostname }] }';
    const spec = `{ type: jwt, audience: a, subject: s, ttlSeconds: 60, claims: ${claims} }`;
    const file = write('p.yaml', provider('').replace(/^spec:.*$/m, `spec: ${spec}`));
    const [document] = await readDocuments([file]);
    expect(document?.document).toMatchObject({
      spec: { claims: { build: { fromEnv: 'DOCUMENTS_TEST_SECRET' }, list: [{ fromFile: '/etc/hostname' }] } },
    });
  });

  it('names the variable that is missing', async () => {
    const file = write('p.yaml', provider('{ fromEnv: DOCUMENTS_TEST_SECRET }'));
    await expect(readDocuments([file])).rejects.toThrow(
      `${file}:4: spec.secret: the environment has no DOCUMENTS_TEST_SECRET`,
    );
  });

  it('names file, line and field of every error', async () => {
    const file = write('p.yaml', `\n${provider('{ fromFile: k }').replace('type: static', 'type: nonsense')}`);
    await expect(readDocuments([file])).rejects.toThrow(`${file}:5`);
  });

  it('reads a folder once, though links lead back to it', async () => {
    const below = join(folder, 'below');
    mkdirSync(below);
    for (const name of ['up', 'up-too']) symlinkSync('..', join(below, name));
    const file = write('below/p.yaml', provider('{ value: hunter2 }'));
    expect((await readDocuments([folder])).map((document) => document.file)).toEqual([file]);
  });

  it('reads no device and no pipe of a folder', async () => {
    symlinkSync('/dev/zero', join(folder, 'endless.yaml'));
    await expect(readDocuments([folder])).rejects.toThrow(`${join(folder, 'endless.yaml')} is no file`);
  });

  it('reads nothing hidden of a folder: the same files again of a mounted ConfigMap, half-saved ones of editors', async () => {
    const file = write('a.yaml', tenant('a'));
    mkdirSync(join(folder, '..2026_11_27'));
    write('..2026_11_27/b.yaml', tenant('b'));
    symlinkSync('..2026_11_27', join(folder, '..data'));
    symlinkSync('..data/b.yaml', join(folder, 'b.yaml'));
    write('.#a.yaml', 'not: [yaml');
    expect((await readDocuments([folder])).map((document) => document.file)).toEqual([file, join(folder, 'b.yaml')]);
    const hidden = join(folder, '..2026_11_27');
    expect((await readDocuments([hidden])).map((document) => document.file)).toEqual([join(hidden, 'b.yaml')]);
  });

  it('reads folders in order, YAML files only', async () => {
    mkdirSync(join(folder, 'sub'));
    write('sub/b.yml', tenant('b'));
    write('a.yaml', tenant('a'));
    write('note.txt', 'not: [yaml');
    const names = (await readDocuments([folder])).map(({ resource }) => resource.metadata.name);
    expect(names).toEqual(['a', 'b']);
  });
});
