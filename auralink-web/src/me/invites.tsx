/** Links by which somebody whom she has met becomes her friend without being able to find her. */
import { useState } from 'react';
import type { Invite, NewInvite } from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { copyText } from '../ui/copy.ts';
import { Form, TextField } from '../ui/form.tsx';
import { Icon } from '../ui/icons.tsx';
import { Empty, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { momentWords } from './words.ts';

const USES_MAX = 100;
const LABEL_MAX_LENGTH = 60;
const HOURS: readonly { readonly hours: number; readonly label: string }[] = [
  { hours: 1, label: 'One hour' },
  { hours: 24, label: 'One day' },
  { hours: 168, label: 'One week' },
  { hours: 720, label: '30 days' },
  { hours: 2160, label: '90 days' },
];

export function InvitesPage({ auralink }: PageProps) {
  const invites = useLoaded(() => auralink.contacts.invites());
  const [fresh, setFresh] = useState<NewInvite | null>(null);
  const action = useAction();
  const revoke = (inviteId: string): Promise<boolean> =>
    action.run(async () => {
      await auralink.contacts.revokeInvite(inviteId);
      if (fresh?.inviteId === inviteId) setFresh(null);
      await invites.reload();
    }, 'Taken back: the link leads nowhere now.');
  return (
    <>
      <Make
        onMake={async (options) => {
          setFresh(await auralink.contacts.invite(options));
          await invites.reload();
        }}
      />
      {fresh !== null && <Fresh invite={fresh} />}
      <Panel title="Your links" testId="invites">
        <Waiting of={invites} />
        {invites.value?.length === 0 && <Empty>No links yet.</Empty>}
        {invites.value !== null && invites.value.length > 0 && (
          <Rows label="Your links">
            {invites.value.map((invite) => (
              <Row key={invite.inviteId} testId="invite" title={titleOf(invite)} detail={inviteWords(invite)}>
                {isLive(invite) && (
                  <button
                    type="button"
                    className="button quiet small"
                    aria-disabled={action.busy}
                    aria-label={`Take back ${titleOf(invite)}`}
                    onClick={() => void revoke(invite.inviteId)}
                  >
                    Take back
                  </button>
                )}
              </Row>
            ))}
          </Rows>
        )}
        <Outcome action={action} testId="invites-said" />
      </Panel>
    </>
  );
}

function titleOf({ label, labelUnreadable }: Invite): string {
  if (labelUnreadable) return 'A name that cannot be read any more';
  return label ?? 'Without a name';
}

function isLive({ uses, usesMax, revokedAt, expiresAt }: Invite): boolean {
  return revokedAt === null && uses < usesMax && Date.parse(expiresAt) > Date.now();
}

function inviteWords(invite: Invite): string {
  const used = `${invite.uses} of ${invite.usesMax} used`;
  if (invite.revokedAt !== null) return `${used} · taken back`;
  if (Date.parse(invite.expiresAt) <= Date.now()) return `${used} · over`;
  return `${used} · until ${momentWords(invite.expiresAt)}`;
}

interface MakeProps {
  readonly onMake: (options: { usesMax: number; expiresInHours: number; label?: string }) => Promise<void>;
}

function Make({ onMake }: MakeProps) {
  const [label, setLabel] = useState('');
  const [uses, setUses] = useState('1');
  const [hours, setHours] = useState('168');
  const usesMax = Number(uses);
  const valid = Number.isInteger(usesMax) && usesMax >= 1 && usesMax <= USES_MAX;
  const make = async (): Promise<void> => {
    const named = label.trim() === '' ? {} : { label: label.trim() };
    await onMake({ usesMax, expiresInHours: Number(hours), ...named });
    setLabel('');
  };
  return (
    <Panel title="Make a link" intro="Whoever opens it becomes your friend, even if nobody can find you.">
      <Form
        testId="invite-make"
        action="Make link"
        done="Made: it stands below."
        disabled={!valid}
        onSubmit={make}
      >
        <TextField
          label="What it is for (only you see it)"
          testId="invite-label"
          value={label}
          onValue={setLabel}
          maxLength={LABEL_MAX_LENGTH}
          placeholder="Garden party"
          autoComplete="off"
        />
        <div className="two">
          <TextField
            label="For how many people"
            testId="invite-uses"
            type="number"
            min={1}
            max={USES_MAX}
            value={uses}
            onValue={setUses}
            inputMode="numeric"
            aria-invalid={!valid}
            hint={valid ? undefined : <p className="hint bad">From 1 to {USES_MAX}.</p>}
          />
          <div className="field">
            <label htmlFor="invite-hours">For how long</label>
            <select
              id="invite-hours"
              className="input"
              value={hours}
              onChange={(event) => setHours(event.target.value)}
            >
              {HOURS.map((one) => (
                <option key={one.hours} value={one.hours}>
                  {one.label}
                </option>
              ))}
            </select>
          </div>
        </div>
      </Form>
    </Panel>
  );
}

function Fresh({ invite }: { invite: NewInvite }) {
  const action = useAction();
  return (
    <Panel title="Your new link" intro="Copy it now: it is not shown again." testId="invite-fresh">
      <p className="code" data-testid="invite-url">
        {invite.url}
      </p>
      <div className="buttons">
        <button
          type="button"
          className="button primary"
          onClick={() => void action.run(() => copyText(invite.url), 'Copied.')}
        >
          <Icon name="copy" /> Copy
        </button>
      </div>
      <Outcome action={action} />
    </Panel>
  );
}
