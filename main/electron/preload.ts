// Hands the shell's one MessagePort to the page, and nothing else: no function, no object is exposed.
import { ipcRenderer } from 'electron';
import { SHELL_PORT_MESSAGE } from '../../app/contract/shell-port.ts';

/** The page's window, as far as it is used here. */
interface PageWindow {
  location: { origin: string };
  postMessage(message: string, origin: string, ports: unknown): void;
  addEventListener(event: 'DOMContentLoaded', listener: () => void): void;
}
const page = globalThis as unknown as PageWindow;

ipcRenderer.once(SHELL_PORT_MESSAGE, (event) => {
  page.postMessage(SHELL_PORT_MESSAGE, page.location.origin, event.ports);
});
// Not earlier: the page's script has run by then, and listens.
page.addEventListener('DOMContentLoaded', () => ipcRenderer.send(SHELL_PORT_MESSAGE));
