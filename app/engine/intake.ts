// The records of a sponsor as they come, checked from the genesis on: once the own membership is among them and counts, they make a roll.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import type { MemberKeys } from '../mesh/identity/identity.ts';
import { Ledger } from '../mesh/membership/ledger.ts';
import { hex } from '../wire/text.ts';
import type { Ports } from './ports.ts';
import { locatorOf, Roll } from './roll.ts';

export class Intake {
  readonly #ports: Ports;
  readonly #keys: MemberKeys;
  readonly #ledger: Ledger;
  /** Something waits for records before it. */
  #waits = false;

  constructor(ports: Ports, networkId: Uint8Array, keys: MemberKeys) {
    this.#ports = ports;
    this.#keys = keys;
    this.#ledger = new Ledger(ports.crypto, networkId);
  }

  /** Returns whether any of them was new and holds. */
  add(records: readonly Uint8Array[]): boolean {
    const before = this.#ledger.revision;
    const { share } = this.#ports;
    for (const bytes of records) if (this.#ledger.add(share?.(bytes) ?? bytes).status === 'pending') this.#waits = true;
    return this.#ledger.revision > before;
  }

  /** Tells a sponsor what is here already. */
  locator(): Uint8Array[] {
    return locatorOf(this.#ports.crypto, this.#ledger);
  }

  /** `sponsor-silent`: the own membership is not among them yet. */
  outcome(): Outcome<Roll> {
    if (this.#ledger.revision === 0) return fail(this.#waits ? 'sponsor-silent' : 'link-damaged');
    const id = hex(this.#keys.id);
    // News of others come in between, and what all records mean takes long in a large network.
    if (!this.#ledger.heardOf(id)) return fail('sponsor-silent');
    const view = this.#ledger.view();
    if (view.members.has(id)) return ok(new Roll(this.#ports, this.#ledger, this.#keys, null));
    return fail(view.voided.get(id) ?? 'sponsor-silent');
  }
}
