// Imported before everything else: under the CSP zod must not try to compile functions.
import { config } from 'zod';

config({ jitless: true });
