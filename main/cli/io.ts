// What the CLI touches of its process, so that tests can run it in theirs.

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** All of standard input, cut off after `max` bytes. */
  input(max: number): Promise<string>;
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  input: async (max) => {
    let text = '';
    for await (const chunk of process.stdin.setEncoding('utf8')) {
      text += chunk as string;
      if (text.length > max) break;
    }
    return text;
  },
};
