import { hardenProcess } from '../common/hardening.ts';
import { paint } from './paint.ts';

/** For commands that hold secrets of others, before they have any: agents of the same user run beside them. */
export async function harden(): Promise<void> {
  if ((await hardenProcess()) || process.platform !== 'linux') return;
  const warning = 'sidekey: without the package koffi, other processes of this user can read its memory';
  console.error(paint('yellow', warning, process.stderr));
}
