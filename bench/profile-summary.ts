import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A CPU profile as V8 writes it (Chrome DevTools protocol, Profiler.Profile), as far as it is read here. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 25;

/** Self time by function, the largest first, in the share of the time in which the program was not idle. */
export function summarizeProfile(file: string): string {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  const times = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((id, index) => {
    const name = names.get(id) ?? '?';
    if (name === '(idle)') return;
    const us = profile.timeDeltas[index] ?? 0;
    busy += us;
    times.set(name, (times.get(name) ?? 0) + us);
  });
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([name, us]) => `  ${((100 * us) / busy).toFixed(1).padStart(5)} %  ${name}`)
    .join('\n');
}

function nameOf(frame: Profile['nodes'][number]['callFrame']): string {
  const name = frame.functionName || '(anonymous)';
  if (frame.url === '') return name;
  if (!frame.url.startsWith('file:')) return `${name}  ${frame.url}`;
  return `${name}  ${sourceOf(fileURLToPath(frame.url), frame.lineNumber)}`;
}

const bundles = new Map<string, string[]>();

/** esbuild puts a comment with the path before each module of a bundle that it does not minify. */
function sourceOf(bundle: string, line: number): string {
  let lines = bundles.get(bundle);
  if (lines === undefined) {
    lines = readFileSync(bundle, 'utf8').split('\n');
    bundles.set(bundle, lines);
  }
  for (let at = Math.min(line, lines.length - 1); at >= 0; at -= 1) {
    const path = /^\/\/ (\S+\.(?:ts|js|cjs|mjs))$/.exec(lines[at] ?? '')?.[1];
    if (path !== undefined) return path;
  }
  return bundle;
}
