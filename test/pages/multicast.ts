// The head of docs/multicast.md; its sections are written by the simulator's report and by the lab.

export const MULTICAST_HEAD = `# Multicast

Every table and plot here was written by the run that its command names; nothing is typed in. How trees work: trees.md.

- **Simulator** (sections 1 and 2): the unchanged engine over the real session and forward crates on a virtual clock, with real frames and
  real keys (signatures of records are stand-ins that cost nothing), bursts of loss, jitter, duplicates and reordering on every path, half of
  the members behind NATs, clocks that differ. \`npm run sim -- --report all\` runs all lines one after another, \`--report NAME,…\` some; options
  behind it change them (\`--report churn-30 --seconds 300\`), and the table shows the command that really ran. A seed repeats a run byte for byte.
- **Real hosts** (sections 3 and on): \`npm run lab\`, network namespaces on one machine whose processors all hosts share.

How to read: *delivered* counts packets that the reference model says must arrive (sender and receiver alive and settled, the receiver joined),
over all receivers. *Gap* is the longest silence of a receiver while packets were due to it, from 5 s after a stream's begin (the first packets wait
for their tree); its p95 is taken over receivers. *RDP* is the mean delay of a pair over that of the direct path. *Sends per delivery* counts every
copy of a payload that any member sends, repairs included. *Feeds nobody* is the share of a tree's members without children in any stripe, the mean
over samples every 10 s. *Copies* are counted as they were really sent: one packet by one member, adopted children and overlapping epochs included,
repairs not. *Control* is all handshakes and control traffic that a member sends, with IP and UDP headers, divided by the seconds that members lived.
*Without time to settle*: from the moment a member came, joined or met the sender again, not 20 s later. *Stress* is how often one packet crosses one
physical link. Figures of the literature are from the papers named, not measured here: another underlay, other bursts of loss. A run with options that
are not the line's stands beside it under those, and meets no target; \`--report\` ends with what falls short, and with 1 if anything does.
`;
