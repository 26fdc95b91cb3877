// Programs that choose no interface: for which groups Weft stands in.
import { useState } from 'react';
import type { Settings } from '../../../../app/contract/state.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { TextField } from '../../ui/field.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import app from '../app/app.module.css';
import { Line } from './line.tsx';
import styles from './settings.module.css';

const PRESETS = ['discovery', 'games', 'robots', 'stage', 'all'] as const;
const isPreset = (name: string): boolean => (PRESETS as readonly string[]).includes(name);

/** An engine that does not know the setting is not asked for it. */
export function AnywherePanel({ settings }: { settings: Settings }) {
  const { anywhere } = settings;
  return anywhere === undefined ? null : <Chosen chosen={anywhere} />;
}

function Chosen({ chosen }: { chosen: string[] }) {
  const t = useT();
  const save = useCall('settings.set');
  const others = chosen.filter((name) => !isPreset(name)).join(', ');
  const [groups, setGroups] = useState(others);
  const presets = (names: string[]) => names.filter(isPreset);
  const listed = groups
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);
  return (
    <section className={`${kit['card']} ${app['panel']}`}>
      <div>
        <h2>{t('settings.anywhere')}</h2>
        <p className={app['soft']}>{t('settings.anywhere.text')}</p>
      </div>
      {PRESETS.map((name) => (
        <Line
          key={name}
          text={t(`settings.anywhere.${name}`)}
          hint={t(`settings.anywhere.${name}.hint`)}
          on={chosen.includes(name)}
          onChange={(on) =>
            void save.run({ anywhere: on ? [...chosen, name] : chosen.filter((other) => other !== name) })
          }
        />
      ))}
      <form
        className={`${kit['stack']} ${styles['narrow']}`}
        onSubmit={(event) => {
          event.preventDefault();
          void save.run({ anywhere: [...presets(chosen), ...listed] });
        }}
      >
        <TextField
          label={t('settings.anywhere.groups')}
          hint={t('settings.anywhere.groups.hint')}
          value={groups}
          onChange={(event) => setGroups(event.target.value)}
        />
        <FailureNotice failure={save.failure} />
        <div>
          <Button type="submit" busy={save.busy} disabled={listed.join(', ') === others}>
            {t('app.save')}
          </Button>
        </div>
      </form>
    </section>
  );
}
