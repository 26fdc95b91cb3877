// The list of channels without a browser: what it says of each.
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { Channels } from '../../renderer/src/features/channels/channels.tsx';
import { channel, network } from '../contract/support/samples.ts';

it('says that a channel is signed, and nothing where it is not or the engine does not say', () => {
  const { signed: _, ...unsaid } = channel;
  const shown = (one: typeof unsaid): string =>
    renderToStaticMarkup(createElement(Channels, { network: network('home', { channels: [one] }) }));
  expect(shown(channel)).toMatch(
    /Sent by anna <span[^>]* title="What members pass on is signed by its sender[^"]*">Signed</,
  );
  for (const one of [{ ...channel, signed: false }, unsaid]) {
    expect(shown(one)).toContain('Sent by anna');
    expect(shown(one)).not.toMatch(/signed/i);
  }
});
