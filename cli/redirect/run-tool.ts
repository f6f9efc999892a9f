import { spawnSync } from 'node:child_process';

export interface ToolEnd {
  /** undefined when there is no such program, or it was stopped. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where administration tools are, which is often not in the path of an ordinary user. */
const ADMIN_PATH = '/usr/sbin:/sbin:/usr/bin:/bin';
const TOOL_TIMEOUT_MS = 20_000;

/** Runs an administration tool to its end, with an environment of its own. */
export function runTool(tool: string, args: readonly string[], input = ''): ToolEnd {
  const end = spawnSync(tool, args, {
    input,
    encoding: 'utf8',
    env: { PATH: ADMIN_PATH, LC_ALL: 'C' },
    timeout: TOOL_TIMEOUT_MS,
  });
  const stderr = end.error === undefined ? end.stderr : `${end.error.message} ${end.stderr ?? ''}`;
  return { code: end.status ?? undefined, stdout: end.stdout ?? '', stderr };
}

/** What a tool says first is what went wrong; the rest explains. */
export function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
