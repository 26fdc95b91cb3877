import { useState } from 'react';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog, DialogForm } from '../../ui/dialog.tsx';
import kit from '../../ui/kit.module.css';
import { useCall } from '../../ui/use-call.ts';
import { closeDialog, openDialog, useNetwork } from '../app/view.ts';

export function RemoveMemberDialog({ networkId, memberId }: { networkId: string; memberId: string }) {
  const t = useT();
  const network = useNetwork(networkId);
  // Kept: once removed, the member is in the state no more.
  const [name] = useState(network?.members.find(({ id }) => id === memberId)?.name ?? '');
  const [review, setReview] = useState<string[]>([]);
  const remove = useCall('member.remove');
  const submit = async (): Promise<void> => {
    const outcome = await remove.run({ network: networkId, member: memberId });
    if (!outcome.ok) return;
    if (outcome.value.review.length > 0) setReview(outcome.value.review);
    else closeDialog();
  };
  return (
    <Dialog title={t('members.remove.title', { name })} onClose={closeDialog}>
      {review.length > 0 ? (
        <Review networkId={networkId} name={name} review={review} />
      ) : (
        <>
          <p>{t('members.remove.text', { name })}</p>
          <DialogForm
            submit={t('members.remove.submit')}
            look="danger"
            onSubmit={() => void submit()}
            onCancel={closeDialog}
            busy={remove.busy}
            failure={remove.failure}
          />
        </>
      )}
    </Dialog>
  );
}

/** Members that the removed one had let in (ids or names): to be looked at by a person. */
function Review({ networkId, name, review }: { networkId: string; name: string; review: string[] }) {
  const t = useT();
  const members = useNetwork(networkId)?.members ?? [];
  const listed = members.filter((member) => review.includes(member.id) || review.includes(member.name));
  return (
    <>
      <p>{t('members.remove.review', { name })}</p>
      <ul>
        {listed.map((member) => (
          <li key={member.id} className={kit['line']}>
            <b>{member.name}</b>
            <Button onClick={() => openDialog({ kind: 'removeMember', networkId, memberId: member.id })}>
              {t('members.remove.submit')}
            </Button>
          </li>
        ))}
      </ul>
      <div className={kit['actions']}>
        <Button onClick={closeDialog}>{t('app.close')}</Button>
      </div>
    </>
  );
}
