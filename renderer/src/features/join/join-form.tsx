// Joining by a link: paste, see what it is, then join. Nothing is sent to anybody before Join is pressed.
import { useCallback, useEffect, useState, type SyntheticEvent } from 'react';
import { LINK_CHARS_MAX } from '../../../../app/contract/limits.ts';
import type { LinkPreview } from '../../../../app/contract/table.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { AreaField } from '../../ui/field.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import { JoinPreview } from './join-preview.tsx';

interface JoinFormProps {
  /** Given by a deep link; empty: to be pasted. */
  link: string;
  onCancel: () => void;
  onJoined: (id: string) => void;
  /** The device was named a moment ago. */
  nameless?: boolean;
}

export function JoinForm({ link: given, onCancel, onJoined, nameless }: JoinFormProps) {
  const t = useT();
  const [link, setLink] = useState(given);
  const [seen, setSeen] = useState<{ link: string; preview: LinkPreview } | null>(null);
  const { run, busy, failure } = useCall('network.preview');
  const check = useCallback(
    async (text: string): Promise<void> => {
      const outcome = await run({ link: text.trim() });
      if (outcome.ok) setSeen({ link: text.trim(), preview: outcome.value });
    },
    [run],
  );
  useEffect(() => {
    // Not in the effect itself: it would draw twice.
    if (given) void Promise.resolve().then(() => check(given));
  }, [given, check]);
  if (seen)
    return (
      <JoinPreview
        link={seen.link}
        preview={seen.preview}
        onBack={() => setSeen(null)}
        onJoined={onJoined}
        nameless={nameless}
      />
    );
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (link.trim() && !busy) void check(link);
  };
  return (
    <form onSubmit={submit} className={kit['stack']}>
      <AreaField
        label={t('join.link')}
        hint={t('join.link.hint')}
        rows={4}
        value={link}
        maxLength={LINK_CHARS_MAX * 2}
        autoFocus
        placeholder={t('join.link.example')}
        onChange={(event) => setLink(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') submit(event);
        }}
        onPaste={(event) => {
          const text = event.clipboardData.getData('text');
          // The usual case, a whole link into an empty box, needs no second click.
          if (!link && text.trim().startsWith('weft:')) void check(text);
        }}
      />
      <FailureNotice failure={failure} />
      <div className={kit['actions']}>
        <Button onClick={onCancel}>{t('app.cancel')}</Button>
        <Button type="submit" look="primary" busy={busy} disabled={!link.trim()}>
          {busy ? t('join.checking') : t('join.check')}
        </Button>
      </div>
    </form>
  );
}
