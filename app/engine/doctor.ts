// What the engine can say when something does not work; the program adds what it finds on the machine.
import { ERRORS, describe, isErrorCode, ok, type ErrorCode } from '../contract/errors.ts';
import type { DoctorItem, Problem } from '../contract/state.ts';
import type { Answer } from './api.ts';
import { findingItems, pairItems } from './doctor-finding.ts';
import type { Engine } from './engine.ts';
import { SKEW_NOTE_MS, type Network } from './network.ts';
import type { Now } from './ports.ts';

export function runDoctor(engine: Engine, now: Now, answer: Answer<'doctor.run'>): void {
  engine.sampleStats(now);
  const items = engine.problems.list().map((problem) => fromProblem('engine', problem));
  for (const network of engine.networks.values())
    items.push(...networkItems(network), ...(network.running ? pairItems(network, engine) : []));
  if (engine.networks.size === 0) items.push(item('networks', 'note', 'networks', 'This device is in no network.'));
  if (engine.endpoints.length === 0) {
    items.push(
      item('underlay', 'error', 'underlay', 'This machine has no network address by which others could reach it.'),
    );
  }
  items.push(...findingItems(engine));
  const figures: Record<string, number> = {};
  for (const [name, value] of Object.entries(engine.ports.dataplane.stats().counters)) figures[name] = value;
  const { host } = engine.ports;
  if (!host) return answer(ok({ items, figures }));
  host.findings((found) => answer(ok({ items: [...items, ...found], figures })));
}

const item = (id: string, level: DoctorItem['level'], code: string, text: string): DoctorItem => ({
  id,
  level,
  code,
  text,
});

function fromProblem(where: string, { code, data }: Problem): DoctorItem {
  const id = `${where} ${code}`;
  if (!isErrorCode(code)) return item(id, 'warning', code, code);
  const text = describe(data ? { code, data } : { code });
  const { severity, remedy } = ERRORS[code as ErrorCode];
  return { id, level: severity, code, text, remedy };
}

function networkItems(network: Network): DoctorItem[] {
  const { roll, paths, problems } = network;
  const items = problems.list().map((problem) => fromProblem(roll.name, problem));
  if (!network.running) {
    if (problems.list().length === 0)
      items.push(item(`${roll.name} off`, 'note', 'off', `“${roll.name}” is switched off.`));
    return items;
  }
  const members = roll.members();
  const online = members.filter((member) => paths.isOnline(member.origin)).length;
  const direct = paths.contacts.upCount;
  const level = members.length === 1 || direct > 0 ? 'ok' : 'warning';
  const text = `“${roll.name}”: ${online} of ${members.length} members online, ${direct} with a session, ${paths.neighbours().length} neighbours.`;
  items.push(item(`${roll.name} members`, level, level === 'ok' ? 'members' : 'nobody-reached', text));
  const skew = medianSkew(network);
  if (Math.abs(skew) > SKEW_NOTE_MS) {
    const minutes = Math.round(Math.abs(skew) / 60_000);
    const side = skew > 0 ? 'behind' : 'ahead of';
    const words = `The clock of this device is ${minutes} min ${side} those of most members.`;
    items.push({ ...item(`${roll.name} clock`, 'warning', 'clock-wrong', words), remedy: 'Set date and time.' });
  }
  return items;
}

/** How far others' clocks are ahead of the own, ms: the median, so that one wrong clock does not count. */
function medianSkew(network: Network): number {
  const skews = [...network.skews.values()].sort((a, b) => a - b);
  return skews[Math.floor(skews.length / 2)] ?? 0;
}
