// Crypto of app/mesh/discovery on this machine.
import type { SealCrypto } from '../../app/mesh/discovery/seal.ts';
import { aeadOpen, aeadSeal } from '../host/aead.ts';
import { nodeCrypto } from '../host/crypto.ts';

export const sealCrypto: SealCrypto = { ...nodeCrypto, seal: aeadSeal, open: aeadOpen };
