// The first run, three screens at most: name this device, create or join, done.
import { useEffect, useState } from 'react';
import { NAME_CHARS_MAX } from '../../../../app/contract/limits.ts';
import mark from '../../../../assets/icons/weft.svg';
import { useMirror } from '../../client/mirror.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { CopyValue } from '../../ui/controls.tsx';
import { TextField } from '../../ui/field.tsx';
import { Icon, type IconName } from '../../ui/icon.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import { openDialog, showNetwork, useNetwork, useView } from '../app/view.ts';
import { JoinForm } from '../join/join-form.tsx';
import { CreateForm } from '../network/create-dialog.tsx';
import { Problems } from '../problems/problems.tsx';
import styles from './welcome.module.css';

type Screen = { at: 'name' | 'start' | 'create' | 'join' } | { at: 'done'; networkId: string; created: boolean };
const STEPS = { name: 1, start: 2, create: 2, join: 2, done: 3 } as const;

export function Welcome() {
  const t = useT();
  const [screen, setScreen] = useState<Screen>({ at: 'name' });
  // From here until the last screen the first run stays, although a network comes into being meanwhile.
  useEffect(() => useView.setState({ welcoming: true }), []);
  const start = (): void => setScreen({ at: 'start' });
  return (
    <main className={styles['page']}>
      <div className={styles['card']}>
        <header className={styles['head']}>
          <img src={mark} alt={t('app.brand')} />
          <p>{t('welcome.step', { step: STEPS[screen.at] })}</p>
        </header>
        {screen.at === 'name' && <NameScreen onDone={start} />}
        {screen.at === 'start' && <StartScreen onChoose={(at) => setScreen({ at })} />}
        {screen.at === 'create' && (
          <>
            <h1>{t('create.title')}</h1>
            <CreateForm
              nameless
              onCancel={start}
              onCreated={(networkId) => setScreen({ at: 'done', networkId, created: true })}
            />
          </>
        )}
        {screen.at === 'join' && (
          <>
            <h1>{t('join.title')}</h1>
            <JoinForm
              nameless
              link=""
              onCancel={start}
              onJoined={(networkId) => setScreen({ at: 'done', networkId, created: false })}
            />
          </>
        )}
        {screen.at === 'done' && <DoneScreen networkId={screen.networkId} created={screen.created} />}
      </div>
    </main>
  );
}

function NameScreen({ onDone }: { onDone: () => void }) {
  const t = useT();
  const before = useMirror((mirror) => mirror.state?.settings.deviceName) ?? '';
  const [deviceName, setName] = useState(before);
  const save = useCall('settings.set');
  const submit = async (): Promise<void> => {
    if (deviceName === before || (await save.run({ deviceName })).ok) onDone();
  };
  return (
    <form
      className={kit['stack']}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h1>{t('welcome.name.title')}</h1>
      <p className={styles['lead']}>{t('welcome.name.text')}</p>
      <TextField
        label={t('welcome.name.label')}
        hint={t('welcome.name.hint')}
        value={deviceName}
        maxLength={NAME_CHARS_MAX}
        autoFocus
        onChange={(event) => setName(event.target.value)}
      />
      <FailureNotice failure={save.failure} />
      <div className={kit['actions']}>
        <Button type="submit" look="primary" busy={save.busy} disabled={!deviceName.trim()}>
          {t('app.continue')}
        </Button>
      </div>
    </form>
  );
}

function StartScreen({ onChoose }: { onChoose: (at: 'create' | 'join') => void }) {
  const t = useT();
  const choices: { at: 'create' | 'join'; icon: IconName }[] = [
    { at: 'create', icon: 'plus' },
    { at: 'join', icon: 'link' },
  ];
  return (
    <>
      <h1>{t('welcome.start.title')}</h1>
      <p className={styles['lead']}>{t('welcome.start.text')}</p>
      <div className={styles['choices']}>
        {choices.map(({ at, icon }) => (
          <button key={at} type="button" className={styles['choice']} onClick={() => onChoose(at)}>
            <Icon name={icon} size={26} />
            <b>{t(`welcome.${at}.title`)}</b>
            <span>{t(`welcome.${at}.text`)}</span>
          </button>
        ))}
      </div>
    </>
  );
}

function DoneScreen({ networkId, created }: { networkId: string; created: boolean }) {
  const t = useT();
  const network = useNetwork(networkId);
  const leave = (): void => {
    useView.setState({ welcoming: false });
    showNetwork(networkId);
  };
  const invite = (): void => {
    leave();
    openDialog({ kind: 'invite', networkId });
  };
  return (
    <>
      <h1>{t('welcome.done.title', { network: network?.name ?? '' })}</h1>
      <p className={styles['lead']}>{t(created ? 'welcome.done.created' : 'welcome.done.joined')}</p>
      {network && network.addresses.length > 0 && (
        <section className={styles['addresses']}>
          <p>{t('welcome.done.addresses')}</p>
          <ul>
            {network.addresses.map((address) => (
              <li key={address}>
                <CopyValue value={address.replace(/\/\d+$/, '')} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <Problems network={network} />
      <div className={kit['actions']}>
        <Button look={created ? 'normal' : 'primary'} onClick={leave}>
          {t('welcome.done.open')}
        </Button>
        {created && (
          <Button look="primary" icon="plus" onClick={invite}>
            {t('welcome.done.invite')}
          </Button>
        )}
      </div>
    </>
  );
}
