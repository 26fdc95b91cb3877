// Serves one PAC file whose function always gives the same answer.
//   pac.mjs --host ADDR --port P --answer "PROXY 192.168.1.1:3128"
import http from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { host: { type: 'string' }, port: { type: 'string' }, answer: { type: 'string' } },
});
const text = `function FindProxyForURL(url, host) {
  if (isPlainHostName(host)) return "DIRECT";
  return ${JSON.stringify(values.answer)};
}
`;
http
  .createServer((_, response) => {
    response.setHeader('content-type', 'application/x-ns-proxy-autoconfig');
    response.end(text);
  })
  .listen(Number(values.port), values.host, () => process.stdout.write('ready\n'));
