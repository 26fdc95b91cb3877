// How others are reached, and what this device does for them. Changes take effect at once.
import { useState } from 'react';
import type { Settings } from '../../../../app/contract/state.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { SelectField, TextField } from '../../ui/field.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import app from '../app/app.module.css';
import { Line } from './line.tsx';
import styles from './settings.module.css';

const RELAY = ['unlimited', 'metered', 'off'] as const;

type Switch = 'only443' | 'portMapping' | 'lan' | 'dht' | 'webrtc' | 'port443' | 'trafficClass';

/** An engine that does not know these settings is not asked for them. */
export function ReachingPanel({ settings }: { settings: Settings }) {
  const t = useT();
  const save = useCall('settings.set');
  const { relay, only443, portMapping, lan, dht, webrtc, port443, trafficClass } = settings;
  if (relay === undefined) return null;
  const line = (name: Switch, on: boolean | undefined) => (
    <Line
      text={t(`settings.${name}`)}
      hint={t(`settings.${name}.hint`)}
      on={on === true}
      onChange={(value) => void save.run({ [name]: value })}
    />
  );
  return (
    <section className={`${kit['card']} ${app['panel']}`}>
      <div>
        <h2>{t('settings.reaching')}</h2>
        <p className={app['soft']}>{t('settings.reaching.text')}</p>
      </div>
      {line('only443', only443)}
      {line('portMapping', portMapping)}
      {line('lan', lan)}
      {line('dht', dht)}
      {port443 !== undefined && line('port443', port443)}
      {webrtc !== undefined && line('webrtc', webrtc)}
      {trafficClass !== undefined && line('trafficClass', trafficClass)}
      <div className={styles['narrow']}>
        <SelectField
          label={t('settings.relay')}
          hint={t('settings.relay.hint')}
          value={relay}
          onChange={(event) => void save.run({ relay: event.target.value as (typeof RELAY)[number] })}
          options={RELAY.map((value) => ({ value, text: t(`settings.relay.${value}`) }))}
        />
      </div>
      <Limits settings={settings} />
      <FailureNotice failure={save.failure} />
    </section>
  );
}

function Limits({ settings }: { settings: Settings }) {
  const t = useT();
  const save = useCall('settings.set');
  const [proxy, setProxy] = useState(settings.proxy ?? 'auto');
  const [relayKBps, setRelay] = useState(String(settings.relayKBps ?? 0));
  const [uplinkKBps, setUplink] = useState(String(settings.uplinkKBps ?? 0));
  const [stun, setStun] = useState((settings.stun ?? []).join(', '));
  const [turn, setTurn] = useState((settings.turn ?? []).join(', '));
  const servers = { stun: listed(stun), ...(settings.turn && { turn: listed(turn) }) };
  const wished = { proxy: proxy.trim(), relayKBps: Number(relayKBps), uplinkKBps: Number(uplinkKBps), ...servers };
  const valid = [wished.relayKBps, wished.uplinkKBps].every((rate) => Number.isInteger(rate) && rate >= 0);
  const changed =
    wished.proxy !== settings.proxy ||
    wished.relayKBps !== settings.relayKBps ||
    wished.uplinkKBps !== settings.uplinkKBps ||
    wished.stun.join() !== (settings.stun ?? []).join() ||
    (wished.turn ?? []).join() !== (settings.turn ?? []).join();
  return (
    <form
      className={`${kit['stack']} ${styles['narrow']}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (changed && valid) void save.run(wished);
      }}
    >
      <TextField
        label={t('settings.relayKBps')}
        hint={t('settings.kBps.hint')}
        inputMode="numeric"
        value={relayKBps}
        onChange={(event) => setRelay(event.target.value)}
      />
      <TextField
        label={t('settings.uplinkKBps')}
        hint={t('settings.uplinkKBps.hint')}
        inputMode="numeric"
        value={uplinkKBps}
        onChange={(event) => setUplink(event.target.value)}
      />
      <TextField
        label={t('settings.proxy')}
        hint={t('settings.proxy.hint')}
        value={proxy}
        onChange={(event) => setProxy(event.target.value)}
      />
      <TextField
        label={t('settings.stun')}
        hint={t('settings.stun.hint')}
        value={stun}
        onChange={(event) => setStun(event.target.value)}
      />
      {settings.turn && (
        <TextField
          label={t('settings.turn')}
          hint={t('settings.turn.hint')}
          value={turn}
          onChange={(event) => setTurn(event.target.value)}
        />
      )}
      <FailureNotice failure={save.failure} />
      <div>
        <Button type="submit" busy={save.busy} disabled={!changed || !valid}>
          {t('app.save')}
        </Button>
      </div>
    </form>
  );
}

const listed = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);
