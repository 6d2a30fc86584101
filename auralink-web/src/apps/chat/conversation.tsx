/** All calls with one person, as a conversation. */
import type { CallView, Media, Person } from '../../../../auralink-client/index.ts';
import { durationWords, endWords } from '../../call/words.ts';
import { Avatar, nameOf } from '../../ui/avatar.tsx';
import { Icon } from '../../ui/icons.tsx';

const WHEN = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' });

interface ConversationProps {
  readonly person: Person;
  /** Newest first. */
  readonly calls: readonly CallView[];
  readonly onBack: () => void;
  readonly onCall: (media: Media) => void;
}

export function Conversation({ person, calls, onBack, onCall }: ConversationProps) {
  return (
    <section className="conversation" aria-label={`Calls with ${nameOf(person)}`}>
      <header>
        <button type="button" className="icon-button back" aria-label="Back to everybody" onClick={onBack}>
          <Icon name="back" />
        </button>
        <Avatar person={person} />
        <div className="conversation-who">
          <h2>{nameOf(person)}</h2>
          <p className="soft small">{person.auraId}</p>
        </div>
        <button
          type="button"
          className="icon-button filled"
          aria-label="Call"
          onClick={() => onCall('audio')}
        >
          <Icon name="phone" />
        </button>
        <button
          type="button"
          className="icon-button filled"
          aria-label="Call with video"
          onClick={() => onCall('video')}
        >
          <Icon name="video" />
        </button>
      </header>
      {calls.length === 0 ? (
        <p className="conversation-empty">You have not talked yet. Call {nameOf(person)} and say hello.</p>
      ) : (
        <ol>
          {calls.toReversed().map((call) => (
            <li key={call.callId} className={`bubble ${call.direction}`}>
              <span className="bubble-what">
                <Icon name={call.media === 'video' ? 'video' : 'phone'} />
                {call.endReason === 'hung_up' ? 'You talked' : endWords(call)}
              </span>
              <span className="small numbers">
                {WHEN.format(new Date(call.createdAt))}
                {talkedWords(call)}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function talkedWords(call: CallView): string {
  if (call.answeredAt === null || call.endedAt === null) return '';
  return ` · ${durationWords(Date.parse(call.endedAt) - Date.parse(call.answeredAt))}`;
}
