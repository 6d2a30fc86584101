/** Past calls by day, each with the true reason of its end. */
import type { AuraLink, CallView, StopReason } from '../../../auralink-client/index.ts';
import type { CallController } from '../call/controller.ts';
import { ringEnds } from '../call/memory.ts';
import { useHistory } from '../call/use-history.ts';
import { durationWords, endWords, reasonOf } from '../call/words.ts';
import { Avatar, nameOf } from '../ui/avatar.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';

const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function History({ auralink, controller }: { auralink: AuraLink; controller: CallController }) {
  const { calls, error, loadOlder } = useHistory(auralink, controller);
  const ends = ringEnds();
  return (
    <section className="history" aria-labelledby="history-title">
      <h2 id="history-title">Recent calls</h2>
      {error !== null && (
        <p className="notice bad" role="alert">
          {error}
        </p>
      )}
      {calls?.length === 0 && (
        <p className="history-empty">No calls yet. Type an address above, or give yours to a friend.</p>
      )}
      {byDay(calls ?? []).map(([day, ofDay]) => (
        <section key={day} aria-label={day}>
          <h3>{day}</h3>
          <ul>
            {ofDay.map((call) => (
              <HistoryItem
                key={call.callId}
                call={call}
                ringEnd={ends.get(call.callId) ?? null}
                onCall={() => void controller.dial(call.peer, call.media)}
              />
            ))}
          </ul>
        </section>
      ))}
      {loadOlder !== null && (
        <button type="button" className="button quiet wide" onClick={() => void loadOlder()}>
          Older calls
        </button>
      )}
    </section>
  );
}

interface HistoryItemProps {
  readonly call: CallView;
  readonly ringEnd: StopReason | null;
  readonly onCall: () => void;
}

function HistoryItem({ call, ringEnd, onCall }: HistoryItemProps) {
  const unanswered = call.answeredAt === null;
  const missed = unanswered && call.direction === 'incoming' && call.endReason !== 'declined';
  const icon: IconName = missed ? 'missed' : call.direction === 'incoming' ? 'incoming' : 'outgoing';
  const words = endWords(call, ringEnd);
  return (
    <li
      className={missed && call.endReason !== 'merged' ? 'call missed' : 'call'}
      data-testid="history-item"
      data-reason={reasonOf(call)}
      data-ring-end={ringEnd ?? undefined}
      data-call-id={call.callId}
      data-direction={call.direction}
    >
      <Avatar person={call.peer} />
      <div className="call-text">
        <strong>{nameOf(call.peer)}</strong>
        <span className="call-reason">
          <Icon name={icon} />
          <span className="unseen">{call.direction}, </span>
          {words}
          {call.media === 'video' && <Icon name="video" />}
        </span>
      </div>
      <div className="call-when numbers">
        <time dateTime={call.createdAt}>{TIME.format(new Date(call.createdAt))}</time>
        <span>{lengthOf(call)}</span>
      </div>
      <button
        type="button"
        className="icon-button"
        aria-label={`Call ${nameOf(call.peer)}${call.media === 'video' ? ' with video' : ''}`}
        onClick={onCall}
      >
        <Icon name={call.media === 'video' ? 'video' : 'phone'} />
      </button>
    </li>
  );
}

function lengthOf(call: CallView): string {
  if (call.answeredAt === null || call.endedAt === null) return '';
  return durationWords(Date.parse(call.endedAt) - Date.parse(call.answeredAt));
}

function byDay(calls: readonly CallView[]): [string, CallView[]][] {
  const today = DAY.format(new Date());
  const days = new Map<string, CallView[]>();
  for (const call of calls) {
    const day = DAY.format(new Date(call.createdAt));
    const label = day === today ? 'Today' : day;
    days.set(label, [...(days.get(label) ?? []), call]);
  }
  return [...days];
}
