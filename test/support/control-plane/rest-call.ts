import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import type { ControlPlane } from '../../../control-plane/main.ts';

/** Where a control plane's REST API is, and what lets its bootstrap administrator in. */
export type ControlPlanePlace = Pick<ControlPlane, 'restUrl' | 'bootstrapTokenFile' | 'caPem'>;

/** One REST call to this control plane as its bootstrap administrator. */
export async function restCall(
  controlPlane: ControlPlanePlace,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const token = (await readFile(controlPlane.bootstrapTokenFile, 'utf8')).trim();
  const dispatcher = new Agent({ connect: { ca: controlPlane.caPem } });
  try {
    const answer = await request(`${controlPlane.restUrl}${path}`, {
      method,
      dispatcher,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) };
  } finally {
    await dispatcher.close();
  }
}
