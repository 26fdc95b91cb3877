// Parameters and results against the table, with failures that name the field.
import type { z } from 'zod';
import { fail, isErrorCode, ok, type Failure, type Outcome } from '../errors.ts';
import { CALLS, type CallName } from '../table.ts';

export const isCallName = (name: string): name is CallName => Object.hasOwn(CALLS, name);

function failure(error: z.ZodError): Failure {
  const issue = error.issues[0];
  const what = issue?.path.join('.') || 'parameters';
  const large = issue?.code === 'too_big';
  if (what === 'link') return { code: large ? 'link-too-long' : 'link-not-weft' };
  return { code: large ? 'too-large' : 'bad-argument', data: { what } };
}

/** Parameters with defaults filled in; unknown keys are dropped. */
export function checkParams(name: CallName, params: unknown): Outcome<unknown> {
  const parsed = CALLS[name].params.safeParse(params ?? {});
  return parsed.success ? ok(parsed.data) : { ok: false, error: failure(parsed.error) };
}

/** A result that does not fit the table is a bug of whoever made it. */
export function checkResult(name: CallName, result: unknown): Outcome<unknown> {
  const parsed = CALLS[name].result.safeParse(result);
  if (parsed.success) return ok(parsed.data);
  return fail('internal', { why: `the result of ${name} does not fit: ${failure(parsed.error).data?.['what'] ?? ''}` });
}

/** An error as it came over the wire; codes of later versions become `internal`. */
export function readFailure(error: { code: string; data?: Record<string, string> }): Failure {
  if (!isErrorCode(error.code)) return { code: 'internal', data: { why: error.code } };
  return error.data ? { code: error.code, data: error.data } : { code: error.code };
}
