// PAC files: fetched with a bound, run in QuickJS (a sandbox in WebAssembly) with bounds of time and memory. Loaded on first use.
import { readFile, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { getQuickJS } from '@tootallnate/quickjs-emscripten';
import { createPacResolver } from 'pac-resolver';
import { PAC_BYTES_MAX, PAC_FETCH_TIMEOUT_MS, PAC_MEMORY_BYTES_MAX, PAC_RUN_MS } from '../limits.ts';
import type { ProxyServer } from '../transport.ts';
import { parsePacAnswer } from './servers.ts';

export type PacCode = 'pac-unreachable' | 'pac-broken';
export type Pac = { ok: true; ask: AskPac } | { ok: false; code: PacCode };
/** Proxies for a target in the order to try; null stands for none. Empty when the file fails. */
export type AskPac = (url: string, host: string) => Promise<(ProxyServer | null)[]>;

/** `url`: http, https or file. */
export async function loadPac(url: string): Promise<Pac> {
  const text = await fetchPac(url).catch(() => null);
  if (text === null) return { ok: false, code: 'pac-unreachable' };
  try {
    return { ok: true, ask: await compile(text) };
  } catch {
    return { ok: false, code: 'pac-broken' };
  }
}

async function compile(text: string): Promise<AskPac> {
  const quickJs = await getQuickJS();
  let runUntil = Infinity;
  // The resolver makes one context; it gets the bounds that the library does not set.
  const bounded = {
    newContext: () => {
      const context = quickJs.newContext();
      context.runtime.setMemoryLimit(PAC_MEMORY_BYTES_MAX);
      context.runtime.setInterruptHandler(() => Date.now() > runUntil);
      return context;
    },
  };
  // What the library brings asks a server on the internet for the own address; and nobody reads what a PAC file prints.
  const sandbox = { myIpAddress: () => ownAddress(), alert: () => undefined };
  const limited = <T>(run: () => T): T => {
    runUntil = Date.now() + PAC_RUN_MS;
    return run();
  };
  const find = limited(() => createPacResolver(bounded as never, text, { sandbox } as never));
  return async (url, host) => {
    try {
      return parsePacAnswer(String(await limited(() => find(url, host))));
    } catch {
      return [];
    }
  };
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  // "IPv4" in some versions of node, 4 in others.
  const outer = all.find(({ family, internal }) => !internal && String(family).endsWith('4'));
  return outer?.address ?? '127.0.0.1';
}

async function fetchPac(url: string): Promise<string> {
  const { protocol } = new URL(url);
  if (protocol === 'file:') {
    const path = fileURLToPath(url);
    if ((await stat(path)).size > PAC_BYTES_MAX) throw new Error('too large');
    return readFile(path, 'utf8');
  }
  if (protocol !== 'http:' && protocol !== 'https:') throw new Error('unknown scheme');
  const ask = protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = ask(url, { agent: false }, (response) => {
      if (response.statusCode !== 200) return void request.destroy(new Error('no file there'));
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > PAC_BYTES_MAX) request.destroy(new Error('too large'));
        else pieces.push(piece);
      });
      response.on('end', () => resolve(Buffer.concat(pieces).toString('utf8')));
      response.on('error', reject);
    });
    // Of the whole, not between two bytes.
    const late = setTimeout(() => request.destroy(new Error('too slow')), PAC_FETCH_TIMEOUT_MS);
    request.on('close', () => clearTimeout(late));
    request.on('error', reject);
    request.end();
  });
}
