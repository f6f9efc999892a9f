import type { Command } from 'commander';

/** What a command's file exports. */
export interface CommandModule {
  /** Adds the command's options, help and action. */
  define(command: Command): void;
}

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** Every command, in the order of the help. Each is loaded only when it is called. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  dev: {
    summary: 'run a control plane and a proxy in one process, for a laptop',
    load: () => import('./commands/dev.ts'),
  },
  run: { summary: 'run any command as an agent behind a proxy', load: () => import('./commands/run.ts') },
  'control-plane': { summary: 'run a control plane', load: () => import('./commands/control-plane.ts') },
  proxy: { summary: 'run a proxy beside an agent', load: () => import('./commands/proxy.ts') },
  redirect: {
    summary: "redirect agents' connections to a transparent proxy",
    load: () => import('./commands/redirect.ts'),
  },
  apply: { summary: 'make the control plane hold what these files say', load: () => import('./commands/apply.ts') },
  get: { summary: 'show resources', load: () => import('./commands/get.ts') },
  delete: { summary: 'delete a resource', load: () => import('./commands/delete.ts') },
  explain: { summary: 'say how a call would be decided, step by step', load: () => import('./commands/explain.ts') },
  placeholders: {
    summary: 'show what an agent holds in place of credentials',
    load: () => import('./commands/placeholders.ts'),
  },
  logs: { summary: 'show decisions', load: () => import('./commands/logs.ts') },
  revoke: { summary: 'end access at once, or lift a revocation', load: () => import('./commands/revoke.ts') },
  'verify-log': { summary: 'prove that the decision log is whole', load: () => import('./commands/verify-log.ts') },
  'rotate-keys': { summary: 'rotate the sealing and signing keys', load: () => import('./commands/rotate-keys.ts') },
  doctor: { summary: 'prove that client tools here go through the proxy', load: () => import('./commands/doctor.ts') },
  completion: {
    summary: 'print a completion script for bash, zsh or fish',
    load: () => import('./commands/completion.ts'),
  },
  version: { summary: 'print the version', load: () => import('./commands/version.ts') },
};
