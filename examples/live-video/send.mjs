// Sends a video to everybody who watches the channel, each packet once: the members pass it on. README.md says how to run it.
import { parseArgs } from 'node:util';
import { channelOf, fail, networkOf, run, shared, weft } from './weft.mjs';

const { values } = parseArgs({
  options: {
    ...shared,
    /** A file, a device or an address that ffmpeg reads; a test picture with a clock when absent. */
    input: { type: 'string' },
    rate: { type: 'string', default: '2500k' },
  },
});
if (!/^\d+k?$/.test(values.rate)) fail('--rate is bits a second, such as 2500k');

const network = networkOf(values);
// Lost packets are asked for again from whom they came; `--repair fec` sends some more instead, for links with long delays.
if (!channelOf(network, values))
  weft(values, 'channel', 'create', values.channel, '--network', network.name, '--repair', 'nack');
const channel = channelOf(networkOf(values), values) ?? fail(`no channel ${values.channel}`);

// Packets that fit Weft's adapter whole: 7 of the transport stream's 188 bytes each.
const to = `rtp://${channel.address}:${channel.port}?localaddr=${network.address}&ttl=16&pkt_size=1328`;
const input = values.input
  ? ['-re', '-i', values.input]
  : ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25'];
const length = values.seconds ? ['-t', values.seconds] : [];
// A whole picture each half second: whoever comes in the middle waits no longer.
const coding = ['-c:v', 'mpeg2video', '-b:v', values.rate, '-g', '12', '-c:a', 'mp2'];
process.stdout.write(`sending to ${values.channel}, ${channel.address} port ${channel.port}\n`);
run('ffmpeg', [
  '-hide_banner',
  '-nostdin',
  '-loglevel',
  'error',
  ...input,
  ...length,
  ...coding,
  '-f',
  'rtp_mpegts',
  to,
]);
