// Shows or records the video of a channel. README.md says how to run it.
import { parseArgs } from 'node:util';
import { channelOf, fail, networkOf, run, shared } from './weft.mjs';

const { values } = parseArgs({
  options: {
    ...shared,
    /** Writes to this file (its name says the format: .ts, .mkv …) instead of showing a window. */
    record: { type: 'string' },
  },
});
const network = networkOf(values);
const channel = channelOf(network, values) ?? fail(`no channel ${values.channel} in ${network.name} yet`);
const from = ['-i', `rtp://${channel.address}:${channel.port}?localaddr=${network.address}`];
const length = values.seconds ? ['-t', values.seconds] : [];
const quiet = ['-hide_banner', '-loglevel', 'error'];
process.stdout.write(`listening to ${values.channel}, ${channel.address} port ${channel.port}\n`);
if (values.record) run('ffmpeg', [...quiet, '-nostdin', '-y', ...from, ...length, '-c', 'copy', values.record]);
else run('ffplay', [...quiet, '-fflags', 'nobuffer', ...from, ...length]);
