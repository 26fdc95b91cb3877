// Apart from shell.ts, so that the preload stays a few lines.

/** What the preload posts to its page together with the one port, and the name of its one message to the shell. */
export const SHELL_PORT_MESSAGE = 'weft-port';
