// Named channels of a network: what they are for, who sends and receives, and whether this device takes part.
import type { Channel, Network } from '../../../../app/contract/state.ts';
import { useT, type Translate } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { Badge, CopyValue, Empty, Menu, Switch } from '../../ui/controls.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import { openDialog } from '../app/view.ts';
import styles from './channels.module.css';

export function Channels({ network }: { network: Network }) {
  const t = useT();
  const channels = network.channels ?? [];
  const create = (
    <Button icon="plus" onClick={() => openDialog({ kind: 'createChannel', networkId: network.id })}>
      {t('channels.new')}
    </Button>
  );
  if (channels.length === 0)
    return (
      <div className={kit['card']}>
        <Empty title={t('channels.empty.title')} text={t('channels.empty.text')} action={create} />
      </div>
    );
  return (
    <section className={styles['channels']}>
      <div className={styles['bar']}>
        <p>{t('channels.text')}</p>
        {create}
      </div>
      <ul className={kit['card']}>
        {channels.map((channel) => (
          <ChannelRow key={channel.id} channel={channel} network={network} />
        ))}
      </ul>
    </section>
  );
}

function ChannelRow({ channel, network }: { channel: Channel; network: Network }) {
  const t = useT();
  const join = useCall('channel.join');
  const leave = useCall('channel.leave');
  const params = { network: network.id, channel: channel.id };
  return (
    <li className={styles['row']}>
      <span className={styles['name']}>
        <b>{channel.name}</b>
        <small>{t(`channels.repair.${channel.repair}`)}</small>
      </span>
      <span className={styles['place']}>
        <CopyValue value={channel.address} />
        <CopyValue value={String(channel.port)} what={t('channels.port')} />
      </span>
      <span className={styles['who']}>
        <span>
          {t('channels.publishers', { who: names(channel.publishers, network, t) })}{' '}
          {channel.signed && <Badge text={t('channels.signed')} hint={t('channels.signed.hint')} />}
        </span>
        <span>{t('channels.subscribers', { who: names(channel.subscribers, network, t) })}</span>
      </span>
      <span className={styles['take']}>
        <Switch
          label={t('channels.take', { name: channel.name })}
          on={channel.joined}
          disabled={!channel.maySubscribe || join.busy || leave.busy}
          onChange={(on) => void (on ? join : leave).run(params)}
        />
        <Menu
          label={t('channels.menu', { name: channel.name })}
          entries={
            channel.mayChange
              ? [
                  {
                    text: t('channels.close'),
                    danger: true,
                    onSelect: () => openDialog({ kind: 'closeChannel', networkId: network.id, channelId: channel.id }),
                  },
                ]
              : []
          }
        />
      </span>
      <FailureNotice failure={join.failure ?? leave.failure} />
    </li>
  );
}

function names(ids: string[] | null, network: Network, t: Translate): string {
  if (ids === null) return t('channels.all');
  const byId = new Map(network.members.map(({ id, name }) => [id, name]));
  return ids.map((id) => byId.get(id) ?? id).join(', ') || t('channels.nobody');
}
