// How others find this device: what stands before it, the router's port, the local network, the DHT. Also how each network's members are reached.
import type { Attempt, Finding, Member, State } from '../../../../app/contract/state.ts';
import { errorTexts, useT } from '../../i18n/i18n.ts';
import { CopyValue, Dot, type Tone } from '../../ui/controls.tsx';
import kit from '../../ui/kit.module.css';
import app from '../app/app.module.css';
import styles from './connection.module.css';

const NAT_TONES: Record<Finding['nat'], Tone> = {
  open: 'good',
  mapped: 'good',
  cone: 'good',
  nat: 'idle',
  unknown: 'idle',
  symmetric: 'warn',
};

/** An engine that does not tell leaves it out. */
export function FindingPanel({ finding }: { finding: Finding | undefined }) {
  const t = useT();
  if (!finding) return null;
  const { nat, observed, mapping, lan, dht } = finding;
  return (
    <section className={`${kit['card']} ${app['panel']}`} data-testid="finding">
      <div>
        <h2>{t('finding.title')}</h2>
        <p className={app['soft']}>{t('finding.text')}</p>
      </div>
      <dl className={kit['facts']}>
        <dt>{t('finding.nat')}</dt>
        <dd>
          <span className={styles['word']}>
            <Dot tone={NAT_TONES[nat]} />
            {t(`finding.nat.${nat}`)}
          </span>
          <p className={app['soft']}>{t(`finding.nat.${nat}.hint`)}</p>
        </dd>
        {observed.length > 0 && (
          <>
            <dt>{t('finding.observed')}</dt>
            <dd>
              <Addresses list={observed} />
            </dd>
          </>
        )}
        <dt>{t('finding.mapping')}</dt>
        <dd>
          {mapping.state === 'mapped' && mapping.by
            ? t('finding.mapping.by', { by: t(`finding.mapping.${mapping.by}`) })
            : t(`finding.mapping.${mapping.state}`)}
          <Addresses list={mapping.endpoints} />
        </dd>
        <dt>{t('finding.lan')}</dt>
        <dd>{lan.on ? t('finding.lan.on', { count: lan.found }) : t('finding.off')}</dd>
        <dt>{t('finding.dht')}</dt>
        <dd>{dht.on ? t(`finding.dht.${dht.last}`) : t('finding.off')}</dd>
      </dl>
    </section>
  );
}

function Addresses({ list }: { list: readonly string[] }) {
  return (
    <ul>
      {list.map((address) => (
        <li key={address}>
          <CopyValue value={address} />
        </li>
      ))}
    </ul>
  );
}

const RESULTS = [
  ...(['reached', 'no-answer', 'timeout', 'refused', 'unreachable', 'closed', 'protocol'] as const),
  ...(['proxy-unreachable', 'proxy-auth', 'proxy-refused', 'unavailable'] as const),
];

/** What each transport came to at its last try. */
function Tried({ tried }: { tried: readonly Attempt[] }) {
  const t = useT();
  const words = tried.map(({ transport, result, proxied }) => {
    const how = proxied ? t('reached.tried.proxied', { transport }) : transport;
    const known = RESULTS.find((one) => one === result);
    return known ? t(`reached.tried.${known}`, { how }) : `${how} ${result}`;
  });
  return <p className={app['soft']}>{t('reached.tried', { list: words.join('; ') })}</p>;
}

/** Who is reached how, and why not straight: only of members that are there. */
export function ReachedPanel({ networks }: { networks: State['networks'] }) {
  const t = useT();
  const rows = networks.flatMap(({ id, name, members }) =>
    members
      .filter(({ self, online }) => !self && online)
      .map((member) => ({ key: `${id} ${member.id}`, name, member })),
  );
  if (rows.length === 0) return null;
  return (
    <section className={`${kit['card']} ${app['panel']}`} data-testid="reached">
      <div>
        <h2>{t('reached.title')}</h2>
        <p className={app['soft']}>{t('reached.text')}</p>
      </div>
      <ul className={styles['items']}>
        {rows.map(({ key, name, member }) => (
          <li key={key}>
            <span className={styles['level']}>
              <Dot tone={member.path === 'direct' ? 'good' : member.path === 'relay' ? 'warn' : 'idle'} />
              {t(`reached.${member.path === 'direct' || member.path === 'relay' ? member.path : 'none'}`)}
            </span>
            <Reached network={name} member={member} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Reached({ network, member }: { network: string; member: Member }) {
  const t = useT();
  const { name, transport, endpoint, proxy, foundBy, relays, cause, tried = [] } = member;
  const words = [
    transport && transport !== 'relay' && t('reached.by', { transport }),
    endpoint && t('reached.at', { endpoint }),
    proxy && t('reached.proxy', { proxy }),
    relays && relays.length > 0 && t('reached.relays', { names: relays.join(', ') }),
    foundBy && t(`reached.found.${foundBy}`),
  ].filter((word) => typeof word === 'string');
  return (
    <div>
      <p>
        {name} <span className={app['soft']}>· {network}</span>
      </p>
      {words.length > 0 && <p className={app['soft']}>{words.join(' · ')}</p>}
      {tried.length > 0 && <Tried tried={tried} />}
      {cause && <p className={app['soft']}>{errorTexts({ code: cause }).text}</p>}
    </div>
  );
}
