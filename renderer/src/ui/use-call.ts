// One call at a time of a form or button: whether it runs, and why it failed.
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Failure, Outcome } from '../../../app/contract/errors.ts';
import type { CallInput, CallName, CallResult } from '../../../app/contract/table.ts';
import { call } from '../client/session.ts';

export interface CallState<N extends CallName> {
  run: (params: CallInput<N>) => Promise<Outcome<CallResult<N>>>;
  busy: boolean;
  failure: Failure | null;
  clear: () => void;
}

export function useCall<N extends CallName>(name: N): CallState<N> {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const shown = useRef(true);
  useEffect(() => {
    shown.current = true;
    return () => void (shown.current = false);
  }, []);
  const run = useCallback(
    async (params: CallInput<N>) => {
      setBusy(true);
      setFailure(null);
      const outcome = await call(name, params);
      if (shown.current) {
        setBusy(false);
        setFailure(outcome.ok ? null : outcome.error);
      }
      return outcome;
    },
    [name],
  );
  return { run, busy, failure, clear: useCallback(() => setFailure(null), []) };
}
