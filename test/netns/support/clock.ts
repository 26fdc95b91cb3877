// Hosts whose wall clock is wrong: a small library, compiled by the test, shows programs another time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, projectRoot } from './shell.ts';

export class Clocks {
  private constructor(private readonly folder: string) {}

  static async build(): Promise<Clocks> {
    const clocks = new Clocks(mkdtempSync(join(tmpdir(), 'weft-clock-')));
    const source = join(projectRoot, 'test/netns/programs/clock.c');
    await must('cc', ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', clocks.library, source, '-ldl']);
    return clocks;
  }

  private get library(): string {
    return join(this.folder, 'clock.so');
  }

  /** Environment of a program whose clock is `name`; it is right until `set` says otherwise. */
  env(name: string): NodeJS.ProcessEnv {
    writeFileSync(join(this.folder, name), Buffer.alloc(8), { flag: 'a' });
    return { LD_PRELOAD: this.library, WEFT_TEST_CLOCK: join(this.folder, name) };
  }

  /** Sets the clock `name` so many seconds ahead of the true time, for running programs too. */
  set(name: string, seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    // Overwritten in place: programs have the file mapped.
    writeFileSync(join(this.folder, name), bytes, { flag: 'r+' });
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
