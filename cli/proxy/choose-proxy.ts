import { Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { addProxyOptions } from './proxy-options.ts';

const WAYS = ['proxy', 'controlPlane', 'agentDir'] as const;

/** How an agent's proxy is named; undefined: it is that of `sidekey dev`. */
export type ProxyWay = (typeof WAYS)[number] | undefined;

/** The way that `run` was told to take. What stands on the command line goes before what the environment says. @throws UsageError */
export function chooseProxy(command: Command): ProxyWay {
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  const given = WAYS.filter(isGiven);
  if (given.length > 1) {
    throw new UsageError('two-proxies', 'give one of --proxy, --control-plane and --agent-dir: each names a proxy');
  }
  const way = given[0] ?? WAYS.find((name) => command.getOptionValue(name) !== undefined);
  if (way !== 'proxy' && isGiven('proxyCa')) throw new UsageError('no-proxy', '--proxy-ca needs --proxy');
  if (way === 'controlPlane') return way;
  const idle = addProxyOptions(new Command()).options.filter((option) => isGiven(option.attributeName()));
  if (idle.length === 0) return way;
  const names = idle.map(({ long }) => long).join(', ');
  throw new UsageError('no-control-plane', `${names}: for a proxy that run starts itself: give --control-plane too`);
}
