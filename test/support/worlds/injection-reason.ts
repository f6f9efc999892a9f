import { InjectionError } from '../../../proxy/credentials/inject.ts';

/** Why an injection was refused; `ok` when it was not. */
export function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InjectionError) return error.reason;
    throw error;
  }
  return 'ok';
}
