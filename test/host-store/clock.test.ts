import { afterEach, describe, expect, it } from 'vitest';
import type { Now } from '../../app/engine/ports.ts';
import { DeadlineDriver, GAP_MS, LAG_ALARM_MS, now, type DriverOptions, type Gap } from '../../main/host/clock.ts';
import { until } from '../contract/support/until.ts';

const drivers: DeadlineDriver[] = [];
afterEach(() => {
  for (const driver of drivers.splice(0)) driver.stop();
});
function drive(options: DriverOptions): DeadlineDriver {
  const driver = new DeadlineDriver(options);
  drivers.push(driver);
  return driver;
}

describe('the deadline driver', () => {
  it('calls once, never early, for the last deadline that was set', async () => {
    const calls: Now[] = [];
    const driver = drive({ onDeadline: (time) => calls.push(time) });
    const start = now().mono;
    driver.set(start + 10);
    driver.set(start + 60);
    await until(() => calls.length === 1);
    expect(calls[0]?.mono).toBeGreaterThanOrEqual(start + 60);
    driver.set(start - 1000);
    await until(() => calls.length === 2);
    driver.set(now().mono + 20);
    driver.set(null);
    let other = false;
    drive({ onDeadline: () => (other = true) }).set(now().mono + 60);
    await until(() => other);
    expect(calls).toHaveLength(2);
  });

  it('reaches deadlines further away than its heartbeat', async () => {
    const start = now().mono;
    let at = 0;
    drive({ onDeadline: (time) => (at = time.mono) }).set(start + 1_300);
    await until(() => at > 0);
    expect(at).toBeGreaterThanOrEqual(start + 1_300);
  });

  it.each([
    ['SIGSTOP: both clocks went on', 120_000, 120_000, { ms: 120_000, clockSet: false }],
    ['suspend: only the wall clock went on', 10, 60_000, { ms: 60_000, clockSet: false }],
    ['the clock was set back', 10, -3_600_000, { ms: 3_600_000, clockSet: true }],
  ])('notices %s', async (_, mono, wall, expected) => {
    const gaps: Gap[] = [];
    let shift = { mono: 0, wall: 0 };
    const clock = (): Now => ({ mono: now().mono + shift.mono, wall: now().wall + shift.wall });
    const driver = drive({ onDeadline: () => {}, onGap: (gap) => gaps.push(gap), clock });
    shift = { mono, wall };
    driver.set(clock().mono);
    await until(() => gaps.length === 1);
    expect(gaps[0]?.clockSet).toBe(expected.clockSet);
    expect(Math.abs((gaps[0]?.ms ?? 0) - expected.ms)).toBeLessThan(GAP_MS / 4);
  });

  it('logs a stalled event loop, once in a while only', async () => {
    const alarms: unknown[] = [];
    const log = { write: (_level: string, event: string, fields?: object) => alarms.push({ event, ...fields }) };
    const driver = drive({ onDeadline: () => {}, log });
    const stall = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      driver.set(now().mono);
      const end = now().mono + 4 * LAG_ALARM_MS;
      while (now().mono < end);
      await new Promise((resolve) => setTimeout(resolve, 30));
    };
    await stall();
    await until(() => alarms.length === 1);
    expect(alarms[0]).toMatchObject({ event: 'event-loop-lag', worstMs: expect.any(Number) });
    await stall();
    expect(alarms).toHaveLength(1);
  });
});
