// The head of docs/connectivity.md; its sections are written by the lab.

export const CONNECTIVITY_HEAD = `# Connectivity

Written by \`npm run lab\`, or by one of its files (\`WEFT_LAB=1 npx vitest run test/netns/relays.test.ts -t killed\`): a run replaces the rows that it
measured. Sites are network namespaces behind nft NATs, Debian's squid, coturn and miniupnpd; each kind is proved by test/netns/sites.test.ts,
what theory allows is in test/netns/expected.ts.
`;
