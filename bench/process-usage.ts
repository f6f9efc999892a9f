import { readdirSync, readFileSync } from 'node:fs';

/** What a process and its children have used: the same reading for nginx as for Node. */
export interface Usage {
  readonly cpuUs: number;
  readonly rssBytes: number;
}

// proc(5): times count in clock ticks, and USER_HZ is 100 on every platform that Node runs on.
const US_PER_TICK = 10_000;

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** Reads /proc for `pid` and all that descends from it; children that ended count for the time they were waited for. */
export function readUsage(pid: number): Usage {
  const entries = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readEntry(name) ?? []) : []));
  let ticks = 0;
  let rssBytes = 0;
  const open = [pid];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const entry of entries) {
      if (entry.pid === at) {
        ticks += entry.ticks;
        rssBytes += readRss(at);
      } else if (entry.parent === at) open.push(entry.pid);
    }
  }
  return { cpuUs: ticks * US_PER_TICK, rssBytes };
}

/** proc(5), /proc/PID/stat: the name may hold blanks and brackets, so fields are counted from its last bracket. */
function readEntry(name: string): Entry | undefined {
  const text = read(`/proc/${name}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (field: number): number => Number(fields[field - 3]);
  // 14 utime, 15 stime, 16 cutime, 17 cstime
  return { pid: Number(name), parent: number(4), ticks: number(14) + number(15) + number(16) + number(17) };
}

function readRss(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1] ?? 0) * 1024;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // it has ended
  }
}
