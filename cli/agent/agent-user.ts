import { UsageError } from '../../common/errors.ts';
import { parseUid } from '../proxy/mode-options.ts';
import { runTool } from '../redirect/run-tool.ts';

/** The user that an agent runs as, where it is not our own. */
export interface AgentUser {
  readonly uid: number;
  readonly gid: number;
  /** What its environment says of it. */
  readonly env: Readonly<Record<'HOME' | 'USER' | 'LOGNAME', string>>;
}

/** The user of this name or number. @throws UsageError when there is none, when it is root, or when we are not */
export function findAgentUser(text: string): AgentUser {
  if (process.geteuid?.() !== 0)
    throw new UsageError('not-root', '--user: only root can run a command as another user');
  const { code, stdout } = runTool('getent', ['passwd', '--', text]);
  const [name = '', , uid = '', gid = '', , home = ''] = code === 0 ? stdout.trim().split(':') : numbered(text);
  const user = { uid: parseUid(uid, '--user'), gid: parseUid(gid, '--user') };
  if (user.uid === 0) throw new UsageError('root-user', '--user: root can read everything; name another user');
  return { ...user, env: { HOME: home || '/', USER: name, LOGNAME: name } };
}

/** A user that has a number alone, as in containers. */
function numbered(text: string): string[] {
  if (/^[0-9]+$/.test(text)) return [text, '', text, text, '', '/'];
  throw new UsageError('no-user', `--user: there is no user ${text}`);
}
