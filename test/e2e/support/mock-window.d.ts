// What the mock build puts on its window (renderer/src/mock/main.tsx), as far as tests use it.
interface WeftMock {
  link: string;
  asked: unknown[];
  engine: {
    state: import('../../../app/contract/state.ts').State;
    calls: { name: string; params: unknown }[];
    failures: Map<string, { code: string; data?: Record<string, string> }>;
    change(
      change: (state: import('../../../app/contract/state.ts').State) => import('../../../app/contract/state.ts').State,
    ): void;
    tick(): void;
  };
  news(news: import('../../../app/contract/shell.ts').ShellNews): void;
  lose(failure: { code: string; data?: Record<string, string> }): void;
  regain(): void;
}
interface Window {
  weftMock: WeftMock;
}
