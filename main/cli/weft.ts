// Entry of the program `weft`.
import { processIo } from './io.ts';
import { runCli } from './program.ts';

runCli(process.argv.slice(2), processIo).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`weft: an error inside Weft: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
