import type { ToolEnd } from '../../cli/redirect/run-tool.ts';

/** What answers instead of the tools of the kernel's tables, for `vi.mock` of `run-tool.ts`. */
export const kernel = {
  run: (_tool: string, _args: readonly string[], _input?: string): ToolEnd => ({
    code: undefined,
    stdout: '',
    stderr: '',
  }),
};

export function runTool(tool: string, args: readonly string[], input?: string): ToolEnd {
  return kernel.run(tool, args, input);
}
