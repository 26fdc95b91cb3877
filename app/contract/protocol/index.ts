// The protocol's public face.
export { Client, type ClientOptions, type ContractClient, type RunningCall } from './client.ts';
export { ClientMachine, type ClientOutput } from './client-machine.ts';
export { ServerMachine, type ServerMachineOptions, type ServerOutput } from './server-machine.ts';
export { Inbox, memoryPair, type Carrier } from './carrier.ts';
export { portCarrier, socketCarrier, type PortLike, type SocketLike } from './ports.ts';
export { apply, diff, equal, type Json } from './patch.ts';
export * from './messages.ts';
