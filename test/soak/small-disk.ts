import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';

/** Less than the records of an outage at load. */
const KILOBYTES = 256;

/** A folder on a disk of its own that is soon full (tmpfs, which needs root); elsewhere a folder like any other. */
export class SmallDisk {
  readonly path: string;
  /** What fits; undefined when it is a folder like any other. */
  readonly bytes: number | undefined;

  private constructor(path: string, bytes: number | undefined) {
    this.path = path;
    this.bytes = bytes;
  }

  static async at(path: string): Promise<SmallDisk> {
    await mkdir(path);
    const options = ['-t', 'tmpfs', '-o', `size=${KILOBYTES}k`, 'sidekey-soak', path];
    return new SmallDisk(path, spawnSync('mount', options).status === 0 ? KILOBYTES * 1024 : undefined);
  }

  async remove(): Promise<void> {
    if (this.bytes !== undefined) spawnSync('umount', ['--lazy', this.path]);
  }
}
