// What can be set: for the engine through the contract, for the desktop app through the shell.
import { useState } from 'react';
import { NAME_CHARS_MAX } from '../../../../app/contract/limits.ts';
import type { Settings } from '../../../../app/contract/state.ts';
import { useMirror } from '../../client/mirror.ts';
import { tellShell, useShell } from '../../client/session.ts';
import { LANGUAGES, useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { AreaField, SelectField, TextField } from '../../ui/field.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import app from '../app/app.module.css';
import { openDialog } from '../app/view.ts';
import { Line } from './line.tsx';
import { AnywherePanel } from './anywhere-panel.tsx';
import { ReachingPanel } from './reaching-panel.tsx';
import styles from './settings.module.css';

const THEMES: Settings['theme'][] = ['system', 'light', 'dark'];

export function SettingsPage() {
  const t = useT();
  const settings = useMirror((mirror) => mirror.state?.settings);
  const shell = useShell((state) => state.present);
  if (!settings) return null;
  return (
    <div className={app['page']}>
      <h1>{t('settings.title')}</h1>
      <DevicePanel settings={settings} />
      <LookPanel settings={settings} />
      {shell && <AppPanel settings={settings} />}
      <NetPanel settings={settings} />
      <ReachingPanel settings={settings} />
      <AnywherePanel settings={settings} />
      <section className={`${kit['card']} ${app['panel']}`}>
        <div className={app['panelHead']}>
          <div>
            <h2>{t('settings.stop')}</h2>
            <p className={app['soft']}>{t('settings.stop.text')}</p>
          </div>
          <Button onClick={() => openDialog({ kind: 'stop' })}>{t('settings.stop')}</Button>
        </div>
      </section>
    </div>
  );
}

function DevicePanel({ settings }: { settings: Settings }) {
  const t = useT();
  const [deviceName, setName] = useState(settings.deviceName);
  const save = useCall('settings.set');
  const changed = deviceName.trim() !== '' && deviceName !== settings.deviceName;
  return (
    <form
      className={`${kit['card']} ${app['panel']}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (changed) void save.run({ deviceName });
      }}
    >
      <h2>{t('settings.device')}</h2>
      <div className={styles['narrow']}>
        <TextField
          label={t('settings.deviceName')}
          hint={t('settings.deviceName.hint')}
          value={deviceName}
          maxLength={NAME_CHARS_MAX}
          onChange={(event) => setName(event.target.value)}
        />
      </div>
      <FailureNotice failure={save.failure} />
      <div>
        <Button type="submit" busy={save.busy} disabled={!changed}>
          {t('app.save')}
        </Button>
      </div>
    </form>
  );
}

function LookPanel({ settings }: { settings: Settings }) {
  const t = useT();
  const save = useCall('settings.set');
  return (
    <section className={`${kit['card']} ${app['panel']}`}>
      <h2>{t('settings.look')}</h2>
      <fieldset className={styles['themes']}>
        <legend className={kit['legend']}>{t('settings.theme')}</legend>
        {THEMES.map((theme) => (
          <label key={theme} className={styles['theme']}>
            <input
              type="radio"
              name="theme"
              checked={settings.theme === theme}
              onChange={() => void save.run({ theme })}
            />
            {t(`settings.theme.${theme}`)}
          </label>
        ))}
      </fieldset>
      <div className={styles['narrow']}>
        <SelectField
          label={t('settings.language')}
          value={settings.language in LANGUAGES ? settings.language : 'en'}
          onChange={(event) => void save.run({ language: event.target.value })}
          options={Object.entries(LANGUAGES).map(([value, text]) => ({ value, text }))}
        />
      </div>
      <FailureNotice failure={save.failure} />
    </section>
  );
}

function AppPanel({ settings }: { settings: Settings }) {
  const t = useT();
  const autostart = useShell((state) => state.autostart);
  const save = useCall('settings.set');
  return (
    <section className={`${kit['card']} ${app['panel']}`}>
      <h2>{t('settings.app')}</h2>
      {autostart !== null && (
        <Line
          text={t('settings.autostart')}
          on={autostart}
          onChange={(on) => tellShell({ type: 'shell.autostart', on })}
        />
      )}
      <Line
        text={t('settings.minimised')}
        on={settings.startMinimised}
        onChange={(startMinimised) => void save.run({ startMinimised })}
      />
      <div className={styles['narrow']}>
        <SelectField
          label={t('settings.quit')}
          value={settings.quit}
          onChange={(event) => void save.run({ quit: event.target.value as Settings['quit'] })}
          options={(['disconnect', 'stay'] as const).map((value) => ({ value, text: t(`settings.quit.${value}`) }))}
        />
      </div>
      <FailureNotice failure={save.failure} />
    </section>
  );
}

function NetPanel({ settings }: { settings: Settings }) {
  const t = useT();
  const [listen, setListen] = useState(settings.listen.join('\n'));
  const save = useCall('settings.set');
  const lines = listen
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const changed = lines.join('\n') !== settings.listen.join('\n');
  return (
    <form
      className={`${kit['card']} ${app['panel']}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (changed) void save.run({ listen: lines });
      }}
    >
      <h2>{t('settings.net')}</h2>
      <div className={styles['narrow']}>
        <AreaField
          label={t('settings.listen')}
          hint={t('settings.listen.hint')}
          rows={2}
          value={listen}
          onChange={(event) => setListen(event.target.value)}
        />
      </div>
      <FailureNotice failure={save.failure} />
      <div>
        <Button type="submit" busy={save.busy} disabled={!changed}>
          {t('app.save')}
        </Button>
      </div>
    </form>
  );
}
