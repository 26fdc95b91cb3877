// Seeds of the tests: some stay, some are new each time.

export const FIXED = 20_261_123;
/** WEFT_SEED repeats it; a failure prints its own anyway. */
export const RANDOM = Number(process.env['WEFT_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
console.log(`random seed ${RANDOM} (WEFT_SEED=${RANDOM} repeats it)`);

/** So that some members die and return within a short run. */
export const LIVELY = { mttf: 60, mttr: 20 };
export const RUN_LIMIT_MS = 240_000;
