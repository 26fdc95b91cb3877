// What is remembered of the ways that were tried: the last outcome of each transport with each member, within bounds.
import { describe, expect, it } from 'vitest';
import { Attempts } from '../../app/engine/attempts.ts';

const target = (transport: 'tcp' | 'tls', proxy: 'none' | 'auto' = 'none', host = '192.0.2.1') => ({
  ...{ transport, host, port: 443, proxy },
});

describe('attempts', () => {
  it('keep the last outcome of each transport, straight and by proxy apart', () => {
    const attempts = new Attempts();
    attempts.began(1, 'a', target('tls'));
    attempts.take({ kind: 'linkFailed', dial: 1, code: 'refused' });
    attempts.began(2, 'a', target('tls', 'auto', '2001:db8::1'));
    attempts.take({ kind: 'linkFailed', dial: 2, code: 'proxy-auth' });
    attempts.began(3, 'a', target('tls'));
    attempts.take({ kind: 'linkOpen', dial: 3, link: 1, transport: 'tls', endpoint: '192.0.2.1:443' });
    expect(attempts.of('a')).toEqual([
      { transport: 'tls', result: 'proxy-auth', proxied: true, endpoint: '[2001:db8::1]:443' },
      { transport: 'tls', result: 'reached', endpoint: '192.0.2.1:443' },
    ]);
    expect(attempts.of('b')).toEqual([]);
  });

  it('learn nothing from what was called off, missing, settled before, or unknown', () => {
    const attempts = new Attempts();
    for (const [at, code] of (['cancelled', 'no-proxy', 'too-many-links', 'forbidden'] as const).entries()) {
      attempts.began(at, 'a', target('tcp'));
      attempts.take({ kind: 'linkFailed', dial: at, code });
    }
    attempts.began(9, 'a', target('tcp'));
    attempts.ended(9);
    attempts.take({ kind: 'linkFailed', dial: 9, code: 'refused' });
    attempts.take({ kind: 'linkFailed', dial: 77, code: 'refused' });
    expect(attempts.of('a')).toEqual([]);
  });

  it('datagrams are unanswered while something worse carries, and reached again once they do', () => {
    const attempts = new Attempts();
    attempts.up('a', '192.0.2.1:4000');
    expect(attempts.of('a')).toEqual([{ transport: 'udp', result: 'reached', endpoint: '192.0.2.1:4000' }]);
    attempts.silent('a');
    expect(attempts.of('a')).toEqual([{ transport: 'udp', result: 'no-answer' }]);
  });

  it('are of a bounded number of members: who was tried longest ago is forgotten', () => {
    const attempts = new Attempts();
    for (let n = 0; n < 1_000; n++) attempts.silent(`m${n}`);
    attempts.silent('m950');
    expect(attempts.of('m0')).toEqual([]);
    const kept = Array.from({ length: 1_000 }, (_, n) => attempts.of(`m${n}`).length).reduce((sum, n) => sum + n);
    expect(kept).toBe(64);
    attempts.silent('another');
    expect(attempts.of('m950')).toHaveLength(1);
  });
});
