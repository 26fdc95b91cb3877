// Problems of the machine and of a network, each with its remedy and at most one button.
import type { Network, Problem } from '../../../../app/contract/state.ts';
import { ERRORS, isErrorCode } from '../../../../app/contract/errors.ts';
import { useMirror } from '../../client/mirror.ts';
import { call } from '../../client/session.ts';
import { errorTexts, useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { FailureNotice, Notice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import { showPage } from '../app/view.ts';
import styles from './problems.module.css';

const HELPER_CODES = new Set(['helper-missing', 'no-rights']);
const NONE: Problem[] = [];

export function Problems({ network }: { network?: Network }) {
  const t = useT();
  const machine = useMirror((mirror) => mirror.state?.problems) ?? NONE;
  const helper = useMirror((mirror) => mirror.state?.helper);
  const all = [...machine, ...(network?.problems ?? NONE)];
  if (helper === 'missing' && !all.some(({ code }) => HELPER_CODES.has(code))) all.unshift({ code: 'helper-missing' });
  // The same thing is often said by the machine and by each network.
  const distinct = all.filter(
    (problem, index) => all.findIndex((other) => JSON.stringify(other) === JSON.stringify(problem)) === index,
  );
  if (distinct.length === 0) return null;
  return (
    <section className={styles['list']} aria-label={t('problem.label')} aria-live="polite">
      {distinct.map((problem) => (
        <ProblemNotice key={JSON.stringify(problem)} problem={problem} network={network} />
      ))}
    </section>
  );
}

function ProblemNotice({ problem, network }: { problem: Problem; network?: Network }) {
  const { text, remedy } = errorTexts(problem);
  const level = isErrorCode(problem.code) ? ERRORS[problem.code].severity : 'warning';
  if (HELPER_CODES.has(problem.code)) return <HelperNotice text={text} remedy={remedy} />;
  return <Notice level={level} title={text} text={remedy} action={<Remedy problem={problem} network={network} />} />;
}

function Remedy({ problem, network }: { problem: Problem; network?: Network }) {
  const t = useT();
  if (problem.code === 'adapter-lost' && network) {
    const toggle = async (): Promise<void> => {
      await call('network.down', { network: network.id });
      await call('network.up', { network: network.id });
    };
    return <Button onClick={() => void toggle()}>{t('problem.action.toggle')}</Button>;
  }
  if (problem.code === 'port-taken' || problem.code === 'address-unavailable')
    return <Button onClick={() => showPage('settings')}>{t('nav.settings')}</Button>;
  if (problem.code === 'helper-refused' || problem.code === 'no-tun')
    return <Button onClick={() => showPage('connection')}>{t('problem.action.details')}</Button>;
  return null;
}

function HelperNotice({ text, remedy }: { text: string; remedy: string }) {
  const t = useT();
  const install = useCall('helper.install');
  const button = (
    <Button busy={install.busy} onClick={() => void install.run({})}>
      {t('problem.action.helper')}
    </Button>
  );
  return (
    <>
      <Notice level="warning" title={text} text={remedy} action={button} />
      <FailureNotice failure={install.failure} />
    </>
  );
}
