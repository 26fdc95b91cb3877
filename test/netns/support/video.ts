// A real ffmpeg that streams to a group, and recorders of what comes there.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host.ts';
import { projectRoot, type Running } from './shell.ts';

export interface Group {
  group: string;
  port: number;
}

export interface Recorded {
  packets: number;
  /** Numbers that were skipped. */
  lost: number;
  doubled: number;
  /** Came behind a later one. */
  late: number;
  bytes: number;
  sha256: string;
}

export interface Recorder {
  file: string;
  running: Running;
  stop(): Promise<Recorded>;
}

/** Why there can be no stream here, or null. */
export function noFfmpeg(): string | null {
  const missing = ['ffmpeg', 'ffprobe'].filter((program) => !existsSync(`/usr/bin/${program}`));
  return missing.length > 0 ? `${missing.join(', ')} missing` : null;
}

/** A test picture with a clock, 25 frames/s, some 1.5 Mbit/s, in real time; ends by itself. */
export async function stream(host: Host, { group, port }: Group, seconds: number): Promise<Running> {
  const { ipv4 } = await host.overlay();
  const picture = `testsrc2=size=640x360:rate=25:duration=${seconds}`;
  const coding = '-c:v mpeg2video -b:v 1500k -g 12 -threads 1'.split(' ');
  const to = `rtp://${group}:${port}?localaddr=${ipv4}&ttl=16&pkt_size=1328`;
  const quiet = ['-hide_banner', '-nostdin', '-loglevel', 'error'];
  return host.start(['ffmpeg', ...quiet, '-re', '-f', 'lavfi', '-i', picture, ...coding, '-f', 'rtp_mpegts', to]);
}

/** Joins the group and records the transport stream that comes in RTP. */
export async function record(host: Host, { group, port }: Group, file: string): Promise<Recorder> {
  const { ipv4 } = await host.overlay();
  const program = join(projectRoot, 'test/netns/programs/rtp.py');
  const running = host.start(['python3', program, group, String(port), ipv4, file]);
  await running.says(/ready/, 5_000);
  const stop = async () => JSON.parse((await running.stop()).stdout.trim().split('\n').at(-1) ?? '{}') as Recorded;
  return { file, running, stop };
}

/** Pictures that decode. */
export async function framesOf(host: Host, file: string): Promise<number> {
  const count = '-v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0'.split(' ');
  return Number.parseInt(await host.must(['ffprobe', ...count, file]), 10);
}
