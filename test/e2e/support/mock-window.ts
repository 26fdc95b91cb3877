// What the mock build puts on its window (renderer/src/mock/main.tsx), as far as tests use it.
import type { ShellNews } from '../../../app/contract/shell.ts';
import type { State } from '../../../app/contract/state.ts';

interface WeftMock {
  link: string;
  asked: unknown[];
  engine: {
    state: State;
    calls: { name: string; params: unknown }[];
    failures: Map<string, { code: string; data?: Record<string, string> }>;
    change(change: (state: State) => State): void;
    tick(): void;
  };
  news(news: ShellNews): void;
  lose(failure: { code: string; data?: Record<string, string> }): void;
  regain(): void;
}
declare global {
  interface Window {
    weftMock: WeftMock;
  }
}
