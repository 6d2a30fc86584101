/** What she has proved: addresses by codes, what each proof says and what not, until when, and who sees it. */
import { useRef, useState } from 'react';
import type {
  Audience,
  AuraLink,
  VerificationList,
  VerificationState,
  VerificationView,
} from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { Icon } from '../ui/icons.tsx';
import { Confirm, Empty, Outcome, Panel, Row, Rows, softly, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { type Loaded, useLoaded } from '../ui/use-loaded.ts';
import { mePath } from './route.ts';
import { useEvent } from './use-event.ts';
import { CodeEntry, codeWords, StartForm } from './verify-forms.tsx';
import { dayWords, momentWords } from './words.ts';

const DAY_MS = 86_400_000;
/** From then on the page offers to confirm it again. */
const SOON_DAYS = 30;

export function VerificationsPage({ auralink }: PageProps) {
  // As many as she has seen: what is loaded anew must not take any away.
  const pages = useRef(1);
  const list = useLoaded(() => loadPages(auralink, pages.current));
  useEvent(auralink, 'verificationUpdated', list.reload);
  useEvent(auralink, 'verificationSuperseded', list.reload);
  const all = list.value?.verifications ?? [];
  const waiting = all.filter(({ state }) => state === 'pending');
  return (
    <>
      <Waiting of={list} />
      {list.value !== null && (
        <>
          <StartForm auralink={auralink} offered={list.value.offered} onStarted={list.reload} />
          {waiting.map((one) => (
            <CodeEntry
              key={one.verificationId}
              auralink={auralink}
              verification={one}
              onChanged={list.reload}
            />
          ))}
          <Proved auralink={auralink} list={list} loaded={list.value} />
          <WhoSeesIt auralink={auralink} />
          <Ended
            verifications={all}
            onMore={
              list.value.next === null
                ? null
                : async () => {
                    pages.current += 1;
                    await list.reload();
                  }
            }
          />
        </>
      )}
    </>
  );
}

/** The first `count` pages, or all there are. */
async function loadPages(auralink: AuraLink, count: number): Promise<VerificationList> {
  let list = await auralink.account.verifications.list();
  for (let page = 1; page < count && list.next !== null; page++) {
    const older = await auralink.account.verifications.list({ after: list.next });
    list = { ...older, verifications: [...list.verifications, ...older.verifications] };
  }
  return list;
}

interface ProvedProps extends Pick<PageProps, 'auralink'> {
  readonly list: Loaded<VerificationList>;
  readonly loaded: VerificationList;
}

function Proved({ auralink, list, loaded }: ProvedProps) {
  const action = useAction(codeWords);
  const [leaving, setLeaving] = useState<VerificationView | null>(null);
  const proved = loaded.verifications.filter(({ state }) => state === 'verified');
  const again = ({ method, subject }: VerificationView): Promise<boolean> =>
    action.run(async () => {
      if (method === 'document' || subject === null) return;
      await auralink.account.verifications.start(method, subject);
      await list.reload();
    }, 'A code is on its way. Until it is confirmed, the old confirmation holds.');
  return (
    <Panel title="Confirmed" intro="Each says one thing about you, and no more.">
      {proved.length === 0 && <Empty>Nothing yet.</Empty>}
      {proved.length > 0 && (
        <Rows label="Confirmed">
          {proved.map((one) => (
            <ProvedRow
              key={one.verificationId}
              one={one}
              words={loaded.levels.find(({ level }) => level === one.level)}
              busy={action.busy}
              onAgain={() => void again(one)}
              onWithdraw={() => setLeaving(one)}
            />
          ))}
        </Rows>
      )}
      <Outcome action={action} testId="verifications-said" />
      {leaving !== null && (
        <Confirm
          title={`Withdraw ${leaving.subject ?? 'this confirmation'}?`}
          action="Withdraw"
          testId="withdraw-confirm"
          onClose={() => setLeaving(null)}
          onConfirm={async () => {
            await auralink.account.verifications.withdraw(leaving.verificationId);
            await list.reload();
            setLeaving(null);
          }}
        >
          <p>
            It is no longer confirmed: nobody finds you by it, and it cannot help you when you forget your
            password. What you keep here stays.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}

interface ProvedRowProps {
  readonly one: VerificationView;
  readonly words: VerificationList['levels'][number] | undefined;
  readonly busy: boolean;
  readonly onAgain: () => void;
  readonly onWithdraw: () => void;
}

const HOW: Readonly<Record<NonNullable<VerificationView['by']>, string>> = {
  code: 'by the code that was sent to it',
  link: 'by the link that was sent to it',
  chip: 'by its chip',
  reviewer: 'by a reviewer who saw pictures of it',
};

function ProvedRow({ one, words, busy, onAgain, onWithdraw }: ProvedRowProps) {
  const { subject, method, by, verifiedAt, expiresAt } = one;
  const title = subject ?? words?.title ?? one.level;
  const lapses = expiresAt === null ? null : new Date(expiresAt).getTime() - Date.now();
  const soon = lapses !== null && lapses < SOON_DAYS * DAY_MS;
  const until = expiresAt === null ? '' : `, holds until ${dayWords(expiresAt)}`;
  return (
    <li className="row proof" data-testid="verification">
      <Icon name="check" />
      <div className="row-text">
        <strong>{softly(title)}</strong>
        <span className="row-detail">
          {words?.title}.{' '}
          {verifiedAt === null
            ? ''
            : `On ${dayWords(verifiedAt)}${by === null ? '' : `, ${HOW[by]}`}${until}.`}
        </span>
        {words !== undefined && (
          <details className="claims">
            <summary>What this says</summary>
            <p>
              <strong>It says:</strong> {words.claims}
            </p>
            <p>
              <strong>It does not say:</strong> {words.claimsNot}
            </p>
          </details>
        )}
      </div>
      <div className="row-acts">
        {soon && method === 'document' && (
          <a className="button small" aria-label={`Confirm again: ${title}`} href={mePath('documents')}>
            Confirm again
          </a>
        )}
        {soon && method !== 'document' && (
          <button
            type="button"
            className="button small"
            aria-disabled={busy}
            aria-label={`Confirm again: ${title}`}
            onClick={onAgain}
          >
            Confirm again
          </button>
        )}
        <button
          type="button"
          className="button quiet small"
          aria-label={`Withdraw ${title}`}
          aria-disabled={busy}
          onClick={onWithdraw}
        >
          Withdraw
        </button>
      </div>
    </li>
  );
}

const SEEN_BY: Readonly<Record<Audience, string>> = {
  public: 'Everybody whom you have not blocked sees',
  friends: 'Your friends see',
  private: 'Nobody sees',
};

function WhoSeesIt({ auralink }: Pick<PageProps, 'auralink'>) {
  const rules = useLoaded(() => auralink.privacy.rules());
  useEvent(auralink, 'privacyUpdated', rules.reload);
  if (rules.value === null) return null;
  const { verifications, profile } = rules.value;
  const narrower = [verifications, profile].includes('private')
    ? 'private'
    : [verifications, profile].includes('friends')
      ? 'friends'
      : 'public';
  return (
    <Panel title="Who sees it">
      <p data-testid="who-sees">
        {SEEN_BY[narrower]} that you have confirmed something, and what kind it is. The address itself is
        shown only where you show it.
      </p>
      <div>
        <a className="button quiet" href={mePath('privacy')}>
          Change it in Privacy
        </a>
      </div>
    </Panel>
  );
}

const END_WORDS: Readonly<Record<string, string>> = {
  by_herself: 'You withdrew it',
  field_changed: 'You changed the address',
  field_removed: 'You removed the address',
  lapsed: 'It lapsed',
  never_finished: 'No code was given in time',
  renewed: 'You confirmed it again',
  proved_by_other: 'Somebody else has confirmed it since. If it is yours, confirm it again.',
  by_reviewer: 'It was rejected',
  unbound: 'It was taken back at Matrix',
};
const ENDED: readonly VerificationState[] = ['rejected', 'withdrawn', 'expired', 'superseded'];

interface EndedProps {
  readonly verifications: readonly VerificationView[];
  /** Null: these are all. */
  readonly onMore: (() => Promise<void>) | null;
}

function Ended({ verifications, onMore }: EndedProps) {
  const action = useAction();
  const ended = verifications.filter(({ state }) => ENDED.includes(state));
  if (ended.length === 0) return null;
  return (
    <Panel title="No longer confirmed">
      <Rows label="No longer confirmed">
        {ended.map(({ verificationId, subject, level, reason, endedAt }) => (
          <Row
            key={verificationId}
            testId="ended"
            title={subject ?? level}
            detail={`${END_WORDS[reason ?? ''] ?? 'It ended'}${endedAt === null ? '' : ` · ${momentWords(endedAt)}`}`}
          />
        ))}
      </Rows>
      {onMore !== null && (
        <button
          type="button"
          className="button quiet wide"
          aria-disabled={action.busy}
          onClick={() => void action.run(onMore)}
        >
          Older ones
        </button>
      )}
      <Outcome action={action} />
    </Panel>
  );
}
