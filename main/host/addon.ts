// Finds and loads the native addon.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Native from '../../native/addon/index.d.ts';
import { describe, type Failure } from '../../app/contract/errors.ts';

export type Addon = typeof Native;

/** Thrown where a function's result has no room for a failure; `failure` goes to the user as it is. */
export class CodedError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, cause?: unknown) {
    super(describe(failure), { cause });
    this.failure = failure;
  }
  get code(): string {
    return this.failure.code;
  }
}

/** The folder with Weft's package.json, found upwards from this file (source or bundle). */
export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) return start;
  }
}

/** `$WEFT_ADDON`, else native/addon/weft.node in the package; in a packaged app outside of its archive. */
export function addonPath(env: NodeJS.ProcessEnv = process.env): string {
  if (env['WEFT_ADDON']) return env['WEFT_ADDON'];
  const inPackage = join(packageRoot(), 'native/addon/weft.node');
  const resources = (process as { resourcesPath?: string }).resourcesPath;
  const candidates = resources
    ? [join(resources, 'app.asar.unpacked/native/addon/weft.node'), join(resources, 'native/addon/weft.node')]
    : [];
  // dlopen cannot read inside an archive, so what is unpacked comes first.
  return candidates.find((path) => existsSync(path)) ?? inPackage;
}

/** Throws a CodedError `native-missing` when the file is absent, for another machine or of another version. */
export function loadAddon(): Addon {
  const path = addonPath();
  if (!existsSync(path)) throw new CodedError({ code: 'native-missing', data: { why: `${path} does not exist` } });
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new CodedError({ code: 'native-missing', data: { why: why ?? '' } }, error);
  }
}
