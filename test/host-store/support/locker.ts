// Takes the lock of a state folder and says how that went; keeps it until it is killed or told "release".
import { lockState } from '../../../main/host/lock.ts';

const [dir = '', rounds = '1'] = process.argv.slice(2);

async function main(): Promise<void> {
  for (let round = Number(rounds); round > 0; round--) {
    const lock = await lockState(dir);
    process.stdout.write(`${lock.ok ? 'won' : `${lock.error.code} ${lock.error.data?.['pid'] ?? ''}`}\n`);
    if (!lock.ok) continue;
    process.stdin.on('data', () => {
      lock.value.release();
      process.exit(0);
    });
    return;
  }
  process.exit(0);
}
void main();
