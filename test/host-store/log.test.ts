import { describe, expect, it } from 'vitest';
import { createLog, logLevel, type LogOptions } from '../../main/host/log.ts';
import { redact, redactText } from '../../main/host/redact.ts';
import { newToken } from '../../main/rpc/guard.ts';

const HEX = '0123456789abcdef'.repeat(4);
const TOKEN = newToken();
/** As member and network ids look: they are public and must stay readable. */
const ID = 'abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst';
const LINK = 'weft://join/#AbC-123_secret,;:more';

function lines(options: LogOptions, write: (log: ReturnType<typeof createLog>) => void): string[] {
  const out: string[] = [];
  write(createLog({ level: 'debug', ...options, write: (line) => out.push(line) }));
  return out;
}

describe('redaction', () => {
  it.each([
    `joining by ${LINK} now`,
    'weft:join#AbC-123_secret',
    'WEFT://JOIN/#AbC-123_secret',
    'weft%3A%2F%2Fjoin%2F%23AbC-123_secret',
    'open http://127.0.0.1:4000/#AbC-123_secret',
    `seed ${HEX}`,
    `seed ${HEX.toUpperCase()}${HEX}`,
    `token ${TOKEN}`,
    `key=${Buffer.from(HEX, 'hex').toString('base64')};`,
    `{"a":"${HEX}"}`,
    `${'x '.repeat(985)}${HEX}`,
  ])('takes the secret out of %s', (text) => {
    const result = redactText(text);
    expect(result).toContain('[redacted]');
    for (const secret of [
      'AbC-123',
      HEX.slice(0, 16),
      HEX.slice(0, 16).toUpperCase(),
      TOKEN.slice(4, 20),
      Buffer.from(HEX, 'hex').toString('base64').slice(0, 16),
    ])
      expect(result).not.toContain(secret);
  });

  it.each([
    `member ${ID} is up`,
    '/home/anna/.local/state/weft/networks/Some-Long-Name/records',
    '192.0.2.7:51820',
    'fd00:77::9/64',
  ])('leaves %s', (text) => expect(redactText(text)).toBe(text));

  it('goes into objects, errors and bytes, and knows fields by their names', () => {
    const value = redact({
      list: [LINK, { deep: HEX }],
      error: new Error(`cannot join ${LINK}`),
      bytes: new Uint8Array(32),
      link: 'anything',
      inviteToken: 'short',
      seed: 5,
      name: 'anna',
      f: () => 1,
    });
    expect(value).toMatchObject({
      bytes: '[32 bytes]',
      link: '[redacted]',
      inviteToken: '[redacted]',
      seed: '[redacted]',
      name: 'anna',
    });
    expect(JSON.stringify(value)).not.toMatch(/AbC-123|0123456789abcdef/);
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(JSON.stringify(redact(loop))).toContain('[deep]');
  });
});

describe('the log', () => {
  it('writes JSON lines with level, time and event', () => {
    const [line] = lines({ pretty: false }, (log) => log.write('warn', 'session-lost', { peer: 'anna', link: LINK }));
    expect(JSON.parse(line as string)).toEqual({
      level: 'warn',
      time: expect.any(Number),
      event: 'session-lost',
      peer: 'anna',
      link: '[redacted]',
    });
  });

  it('writes short lines for terminals, on which nobody’s name can play tricks', () => {
    const [line] = lines({ pretty: true }, (log) =>
      log.write('info', 'joined', { name: '\u001b[31mred', rttMs: 1.5, id: 'x' }),
    );
    expect(line).toMatch(/^\d\d:\d\d:\d\d info {2}joined {2}name="\\u001b\[31mred" rttMs=1.5 id=x\n$/);
  });

  it('obeys the level', () => {
    expect(lines({ level: 'warn' }, (log) => log.write('info', 'x'))).toEqual([]);
    expect([logLevel({ WEFT_LOG: 'DEBUG' }), logLevel({ WEFT_LOG: 'loud' }), logLevel({})]).toEqual([
      'debug',
      'info',
      'info',
    ]);
  });
});
