// Live throughput of one network: two figures and the last two minutes as a drawing.
import { RATE_HISTORY_POINTS } from '../../../../app/contract/limits.ts';
import { useMirror, type RatePoint } from '../../client/mirror.ts';
import { formatRate } from '../../i18n/format.ts';
import { useT } from '../../i18n/i18n.ts';
import { Icon } from '../../ui/icon.tsx';
import kit from '../../ui/kit.module.css';
import styles from './throughput.module.css';

const WIDTH = 480;
const HEIGHT = 72;
/** The scale never gets finer than this, so that a keepalive is no mountain. Bytes per second. */
const SCALE_MIN = 4_000;
const NONE: RatePoint[] = [];

export function Throughput({ networkId }: { networkId: string }) {
  const t = useT();
  const history = useMirror((mirror) => mirror.history[networkId]) ?? NONE;
  const last = history[history.length - 1] ?? { rx: 0, tx: 0 };
  const peak = history.reduce((max, { rx, tx }) => Math.max(max, rx, tx), 0);
  const texts = { rx: formatRate(last.rx), tx: formatRate(last.tx), peak: formatRate(peak) };
  return (
    <section className={`${kit['card']} ${styles['card']}`} aria-label={t('traffic.title')}>
      <dl className={styles['figures']}>
        <div data-kind="rx">
          <dt>
            <Icon name="down" size={16} /> {t('traffic.rx')}
          </dt>
          <dd>{texts.rx}</dd>
        </div>
        <div data-kind="tx">
          <dt>
            <Icon name="up" size={16} /> {t('traffic.tx')}
          </dt>
          <dd>{texts.tx}</dd>
        </div>
      </dl>
      <figure className={styles['figure']}>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={t('traffic.chart', texts)}
        >
          <Curve history={history} peak={peak} pick={(point) => point.rx} className={styles['rx'] ?? ''} />
          <Curve history={history} peak={peak} pick={(point) => point.tx} className={styles['tx'] ?? ''} />
        </svg>
        <figcaption>
          <span>{t('traffic.window')}</span>
          <span>{t('traffic.peak', texts)}</span>
        </figcaption>
      </figure>
    </section>
  );
}

interface CurveProps {
  history: RatePoint[];
  peak: number;
  pick: (point: RatePoint) => number;
  className: string;
}

function Curve({ history, peak, pick, className }: CurveProps) {
  const top = Math.max(peak, SCALE_MIN) * 1.08;
  const start = RATE_HISTORY_POINTS - history.length;
  const points = history.map((point, index) => {
    const x = ((start + index) / (RATE_HISTORY_POINTS - 1)) * WIDTH;
    return `${x.toFixed(1)},${(HEIGHT - 1 - (pick(point) / top) * (HEIGHT - 2)).toFixed(1)}`;
  });
  if (points.length < 2) return null;
  const left = points[0]?.split(',')[0] ?? '0';
  return (
    <g className={className}>
      <path className={styles['area']} d={`M${left},${HEIGHT}L${points.join('L')}L${WIDTH},${HEIGHT}Z`} />
      <path className={styles['stroke']} d={`M${points.join('L')}`} vectorEffect="non-scaling-stroke" />
    </g>
  );
}
