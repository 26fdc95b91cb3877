// The one open dialog, if any.
import { CloseChannelDialog } from '../channels/close-channel-dialog.tsx';
import { CreateChannelDialog } from '../channels/create-channel-dialog.tsx';
import { InviteDialog } from '../invites/invite-dialog.tsx';
import { RevokeDialog } from '../invites/revoke-dialog.tsx';
import { JoinDialog } from '../join/join-dialog.tsx';
import { RemoveMemberDialog } from '../members/remove-dialog.tsx';
import { CreateDialog } from '../network/create-dialog.tsx';
import { LeaveDialog } from '../network/leave-dialog.tsx';
import { RecoveryDialog } from '../network/recovery-dialog.tsx';
import { RenameMemberDialog, RenameNetworkDialog } from '../network/rename-dialog.tsx';
import { StopDialog } from '../settings/stop-dialog.tsx';
import { useView } from './view.ts';

export function Dialogs() {
  const dialog = useView((view) => view.dialog);
  switch (dialog?.kind) {
    case undefined:
      return null;
    case 'create':
      return <CreateDialog />;
    case 'join':
      return <JoinDialog key={dialog.link} link={dialog.link} />;
    case 'stop':
      return <StopDialog />;
    case 'invite':
      return <InviteDialog networkId={dialog.networkId} />;
    case 'renameNetwork':
      return <RenameNetworkDialog networkId={dialog.networkId} />;
    case 'leave':
      return <LeaveDialog networkId={dialog.networkId} />;
    case 'recovery':
      return <RecoveryDialog networkId={dialog.networkId} />;
    case 'renameMember':
      return <RenameMemberDialog networkId={dialog.networkId} memberId={dialog.memberId} />;
    case 'removeMember':
      return <RemoveMemberDialog key={dialog.memberId} networkId={dialog.networkId} memberId={dialog.memberId} />;
    case 'createChannel':
      return <CreateChannelDialog networkId={dialog.networkId} />;
    case 'closeChannel':
      return <CloseChannelDialog networkId={dialog.networkId} channelId={dialog.channelId} />;
    case 'revoke':
      return <RevokeDialog networkId={dialog.networkId} inviteId={dialog.inviteId} />;
  }
}
