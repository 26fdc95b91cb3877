// The log: JSON lines on stderr, or short readable ones on a terminal. Everything passes redact.ts first.
import { pino } from 'pino';
import type { Log } from '../../app/engine/ports.ts';
import { redact, redactText } from './redact.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];

export interface LogOptions {
  /** Default: `$WEFT_LOG` (debug, info, warn, error, silent), else info. */
  level?: LogLevel;
  /** Default: whether stderr is a terminal. */
  pretty?: boolean;
  /** Gets whole lines; default: stderr, written at once. */
  write?: (line: string) => void;
}

export function logLevel(env: NodeJS.ProcessEnv = process.env): LogLevel {
  const wished = env['WEFT_LOG']?.toLowerCase();
  return LEVELS.find((level) => level === wished) ?? 'info';
}

/** Makes the engine's log port. Fields of a line: level, time (ms), event, and what the caller gave, without secrets. */
export function createLog(options: LogOptions = {}): Log {
  const pretty = options.pretty ?? Boolean(process.stderr.isTTY);
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const logger = pino(
    {
      level: options.level ?? logLevel(),
      base: null,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(pretty ? prettyLine(line) : line) },
  );
  return {
    write: (level, event, fields) => {
      if (!logger.isLevelEnabled(level)) return;
      logger[level](redact(fields ?? {}) as object, redactText(event));
    },
  };
}

/** "12:00:05 warn  event  a=1 b=two" */
function prettyLine(line: string): string {
  const { level, time, event, ...fields } = JSON.parse(line) as { level: string; time: number; event: string };
  const clock = new Date(time).toTimeString().slice(0, 8);
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${short(value)}`);
  return `${clock} ${level.padEnd(5)} ${event}${rest.length ? `  ${rest.join(' ')}` : ''}\n`;
}

/** Printable ASCII as it is, all else as JSON; control and direction characters never reach the terminal. */
const short = (value: unknown): string => {
  if (typeof value === 'string' && /^[!#-<>-~]+$/.test(value)) return value;
  return (JSON.stringify(value) ?? '').replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
};
