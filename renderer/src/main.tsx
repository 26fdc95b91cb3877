import './client/jitless.ts';
import { ShellLink } from './client/shell-link.ts';
import { websocketLink } from './client/websocket-link.ts';
import { start } from './start.tsx';

start(location.protocol === 'app:' ? new ShellLink() : websocketLink());
