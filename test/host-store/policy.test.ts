import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../app/engine/ports.ts';
import { readPolicy } from '../../main/host/policy.ts';

const strictest = { relay: false, portMapping: false, http: false, webrtc: false, trafficClass: false };

describe('the administrator’s policy', () => {
  let folder: string;
  const told: string[] = [];
  const log: Log = { write: (level, what) => void told.push(`${level} ${what}`) };
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'weft-policy-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  let files = 0;
  const file = (text: string): string => {
    const path = join(folder, `${++files}.json`);
    writeFileSync(path, text);
    return path;
  };
  const rules = (values: object): string => file(JSON.stringify({ version: 1, ...values }));
  const none = (): string => join(folder, 'absent.json');

  it('forbids nothing where there is none', () => {
    expect(readPolicy(log, { administrator: none(), more: undefined })).toEqual({});
  });

  it('is what its file says', () => {
    expect(readPolicy(log, { administrator: rules({ relay: false, http: true }), more: undefined })).toEqual({
      relay: false,
      http: true,
    });
  });

  it('cannot be lifted by a second file, only made stricter', () => {
    const administrator = rules({ relay: false, http: true, webrtc: true });
    const more = rules({ relay: true, portMapping: true, http: false });
    expect(readPolicy(log, { administrator, more })).toEqual({
      relay: false,
      portMapping: true,
      http: false,
      webrtc: true,
    });
    expect(readPolicy(log, { administrator, more: rules({}) })).toEqual({ relay: false, http: true, webrtc: true });
    // An empty variable names no file.
    expect(readPolicy(log, { administrator, more: '' })).toEqual({ relay: false, http: true, webrtc: true });
  });

  it('reads the second file’s place from WEFT_POLICY', () => {
    const before = process.env['WEFT_POLICY'];
    process.env['WEFT_POLICY'] = rules({ relay: true });
    try {
      expect(readPolicy(log, { administrator: rules({ relay: false }) })).toEqual({ relay: false });
    } finally {
      if (before === undefined) delete process.env['WEFT_POLICY'];
      else process.env['WEFT_POLICY'] = before;
    }
  });

  it.each([
    ['no JSON', '{"version":1,'],
    ['nothing', ''],
    ['another version', '{"version":2,"relay":true}'],
    ['no version', '{"relay":true}'],
    ['a word that it does not know', '{"version":1,"relai":false}'],
    ['a wrong kind of value', '{"version":1,"relay":"no"}'],
    ['a list', '[]'],
    ['null', 'null'],
  ])('forbids everything when a file holds %s', (_, text) => {
    told.length = 0;
    expect(readPolicy(log, { administrator: file(text), more: undefined })).toEqual(strictest);
    expect(readPolicy(log, { administrator: none(), more: file(text) })).toEqual(strictest);
    expect(readPolicy(log, { administrator: file(text), more: rules({ relay: true }) })).toEqual(strictest);
    expect(told).toEqual(['error policy', 'error policy', 'error policy']);
  });

  it('forbids everything when a file cannot be read, and when a named one is missing', () => {
    const place = join(folder, 'a-folder');
    mkdirSync(place);
    expect(readPolicy(log, { administrator: place, more: undefined })).toEqual(strictest);
    expect(readPolicy(log, { administrator: rules({}), more: none() })).toEqual(strictest);
  });
});
