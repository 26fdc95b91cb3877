// Joins links with the data plane: takes frames only while a link can send them, hands over what came, closes what proves nothing.

/** The data plane's link calls, as in native/addon/index.d.ts. */
export interface LinkPort {
  openLink(options: { transport: string; endpoint: string; queueBytes?: number }): number;
  closeLink(link: number): void;
  linkReceive(link: number, batch: Uint8Array): void;
  linkTake(link: number, maxBytes: number): Uint8Array;
  onLinks(callback: (links: number[]) => void): void;
}
