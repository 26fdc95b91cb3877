/** Calls `late` after `ms`, once what came until then was read: an engine that was held up itself must not blame the helper. */
export function patience(ms: number, late: () => void): () => void {
  let reading: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => (reading = setImmediate(late)), ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(reading);
  };
}
