// A scanner: asks a port all that a stranger may think of, by TCP, TLS, HTTP and UDP, and prints what came back as one JSON line:
//   {"<probe>":{"answer":"<hex>","end":"closed|reset|refused|open","afterMs":n}}
//   scan.mjs ADDRESS PORT
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import tls from 'node:tls';

const [address, port] = [process.argv[2], Number(process.argv[3])];
const PATIENCE_MS = 13_000;
const UDP_PATIENCE_MS = 1_500;
const AT_ONCE = 16;
const ANSWER_BYTES_MAX = 4_096;
/** First bytes of Weft's raw streams: a scanner has read its source. */
const PREFACE = Buffer.from([0xf0, 1]);

/** The same "random" bytes for every target. */
function noise(seed, length, first = []) {
  const parts = [];
  for (let n = 0; n * 32 < length; n++) parts.push(createHash('sha256').update(`${seed} ${n}`).digest());
  const bytes = Buffer.concat(parts).subarray(0, length);
  Buffer.from(first).copy(bytes);
  return bytes;
}
const request = (line, ...headers) => Buffer.from([line, 'Host: example.org', ...headers, '', ''].join('\r\n'));
const upgrade = (path) =>
  request(
    `GET ${path} HTTP/1.1`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );
const frame = (body) => Buffer.concat([Buffer.from([0, body.length]), body]);

const web = {
  root: request('GET / HTTP/1.1'),
  'old root': Buffer.from('GET / HTTP/1.0\r\n\r\n'),
  head: request('HEAD / HTTP/1.1'),
  options: request('OPTIONS * HTTP/1.1'),
  trace: request('TRACE / HTTP/1.1'),
  post: request('POST / HTTP/1.1', 'Content-Length: 0'),
  propfind: request('PROPFIND / HTTP/1.1'),
  connect: request('CONNECT example.org:443 HTTP/1.1'),
  absolute: request('GET http://example.org/ HTTP/1.1'),
  favicon: request('GET /favicon.ico HTTP/1.1'),
  git: request('GET /.git/config HTTP/1.1'),
  'well-known': request('GET /.well-known/security.txt HTTP/1.1'),
  weft: request('GET /weft HTTP/1.1'),
  join: request('GET /join/home HTTP/1.1'),
  ws: request('GET /ws HTTP/1.1'),
  'ws upgrade': Buffer.concat([upgrade('/ws'), Buffer.from([0x82, 0x84, 0, 0, 0, 0, 0xf1, 1, 0, 0])]),
  'other upgrade': upgrade('/other'),
  polling: request('GET /socket.io/ HTTP/1.1'),
  'polling without version': request('GET /socket.io/?transport=polling HTTP/1.1'),
  'polling of nobody': request('GET /socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA HTTP/1.1'),
  'long header': request('GET / HTTP/1.1', `X-Long: ${'a'.repeat(9_000)}`),
  'no sense': Buffer.from('GET\r\n\r\n'),
};
const raw = {
  'one letter': Buffer.from('A'),
  'empty lines': Buffer.from('\r\n\r\n'),
  help: Buffer.from('HELP\r\n'),
  ssh: Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
  smtp: Buffer.from('EHLO example.org\r\n'),
  rtsp: Buffer.from('OPTIONS / RTSP/1.0\r\n\r\n'),
  sip: Buffer.from('OPTIONS sip:nm SIP/2.0\r\n\r\n'),
  rdp: Buffer.from('0300000b06e00000000000', 'hex'),
  smb: Buffer.from('000000a4ff534d4272000000000801400000', 'hex'),
  dns: Buffer.from('000c000010000000000000000000', 'hex'),
  x11: Buffer.from('6c000b000000000000000000', 'hex'),
  'old TLS': Buffer.from('16030000530100004f0300', 'hex'),
  'TLS rubbish': noise('tls', 200, [0x16, 3, 1]),
  'TLS alert': Buffer.from('15030100020228', 'hex'),
  ...Object.fromEntries(
    [0x00, 0x01, 0x14, 0x17, 0x57, 0x80, 0xc0, 0xf0, 0xf1, 0xf4, 0xf5, 0xf6, 0xff].map((first) => [
      `noise ${first.toString(16)}`,
      noise(`raw ${first}`, 300, [first]),
    ]),
  ),
  'own preface': Buffer.concat([PREFACE, frame(noise('hello', 200, [0xf1, 1, 0, 0]))]),
  'own preface, then noise': Buffer.concat([PREFACE, noise('preface', 400)]),
};
const datagrams = {
  empty: Buffer.alloc(0),
  'one byte': Buffer.from([0]),
  dns: Buffer.from('000010000000000000000000', 'hex'),
  ntp: Buffer.from(`e3${'00'.repeat(47)}`, 'hex'),
  snmp: Buffer.from('302602010104067075626c6963a1190204', 'hex'),
  stun: Buffer.concat([Buffer.from('000100002112a442', 'hex'), noise('stun', 12)]),
  dtls: Buffer.from('16feff00000000000000000036010000', 'hex'),
  quic: noise('quic', 1200, [0xc0, 0, 0, 0, 1]),
  ike: noise('ike', 300),
  wireguard: noise('wireguard', 148, [1, 0, 0, 0]),
  ...Object.fromEntries(
    [0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7].flatMap((first) =>
      [40, 200, 1300].map((length) => [
        `${first.toString(16)} × ${length}`,
        noise(`udp ${first}`, length, [first, 1, 0, 0]),
      ]),
    ),
  ),
};

/** Sends `bytes` by `socket` and takes what comes until it ends or patience does. */
function ask(socket, ready, bytes) {
  const began = performance.now();
  return new Promise((settle) => {
    const parts = [];
    let end = 'open';
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      const answer = Buffer.concat(parts).subarray(0, ANSWER_BYTES_MAX).toString('hex');
      settle({ answer, end, afterMs: Math.round(performance.now() - began) });
    };
    const timer = setTimeout(finish, PATIENCE_MS);
    socket.once(ready, () => bytes.length > 0 && socket.write(bytes));
    socket.on('data', (part) => parts.push(part));
    socket.on(
      'error',
      ({ code }) => (end = code === 'ECONNRESET' ? 'reset' : code === 'ECONNREFUSED' ? 'refused' : end),
    );
    socket.on('end', () => (end = 'closed'));
    socket.on('close', () => {
      if (end === 'open') end = 'closed';
      finish();
    });
  });
}
const byTcp = (bytes) => ask(net.connect({ host: address, port }), 'connect', bytes);
const byTls = (bytes) =>
  ask(
    tls.connect({ host: address, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }),
    'secureConnect',
    bytes,
  );

function byUdp(bytes) {
  return new Promise((settle) => {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const parts = [];
    let end = 'open';
    socket.on('message', (part) => parts.push(part));
    socket.on('error', () => (end = 'refused'));
    socket.connect(port, address, () => socket.send(bytes));
    setTimeout(() => {
      socket.close();
      settle({ answer: Buffer.concat(parts).toString('hex'), end, afterMs: 0 });
    }, UDP_PATIENCE_MS);
  });
}

/** What a TLS client learns, without what is drawn anew each time. */
function handshake() {
  return new Promise((settle) => {
    const socket = tls.connect(
      { host: address, port, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] },
      () => {
        const {
          subject,
          issuer,
          valid_from: from,
          valid_to: to,
          bits,
          ca,
          subjectaltname = '',
        } = socket.getPeerCertificate();
        const days = Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
        const learnt = { subject, issuer, days, bits, ca, subjectaltname, alpn: socket.alpnProtocol };
        const all = { ...learnt, protocol: socket.getProtocol(), cipher: socket.getCipher().name };
        socket.destroy();
        settle({ answer: Buffer.from(JSON.stringify(all)).toString('hex'), end: 'closed', afterMs: 0 });
      },
    );
    socket.on('error', (error) => settle({ answer: '', end: String(error.code), afterMs: 0 }));
  });
}

const probes = [
  ['tls handshake', handshake],
  ['tcp silence', () => byTcp(Buffer.alloc(0))],
  ['tls silence', () => byTls(Buffer.alloc(0))],
  ...Object.entries(raw).map(([name, bytes]) => [`tcp ${name}`, () => byTcp(bytes)]),
  ...Object.entries(raw).map(([name, bytes]) => [`tls ${name}`, () => byTls(bytes)]),
  ...Object.entries(web).map(([name, bytes]) => [`http ${name}`, () => byTcp(bytes)]),
  ...Object.entries(web).map(([name, bytes]) => [`https ${name}`, () => byTls(bytes)]),
  ...Object.entries(datagrams).map(([name, bytes]) => [`udp ${name}`, () => byUdp(bytes)]),
  ...Array.from({ length: 40 }, (_, n) => [`again ${n}`, () => byTcp(web.root)]),
];
const seen = {};
const waiting = probes.values();
const worker = async () => {
  for (const [name, probe] of waiting) seen[name] = await probe();
};
await Promise.all(Array.from({ length: AT_ONCE }, worker));
process.stdout.write(`${JSON.stringify(seen)}\n`);
