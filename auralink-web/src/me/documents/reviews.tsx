/** The reviewers' queue: what waits, and the one that this reviewer has taken. */
import { useEffect, useState } from 'react';
import type {
  AuraLink,
  DocumentReview,
  DocumentSide,
  ReviewQueue,
} from '../../../../auralink-client/index.ts';
import type { PageProps } from '../../mount.tsx';
import { wordsOf } from '../../session.ts';
import { Empty, Failed, Outcome, Panel, Row, Rows, Waiting } from '../../ui/panel.tsx';
import { useAction } from '../../ui/use-action.ts';
import { useLoaded } from '../../ui/use-loaded.ts';
import { useEvent } from '../use-event.ts';
import { momentWords } from '../words.ts';
import './documents.css';
import { Facts } from './facts.tsx';
import { usePhoto } from './photo.tsx';
import { VerdictForm } from './verdict-form.tsx';
import { Viewer } from './viewer.tsx';
import { FIT_WORDS, SIDE_WORDS } from './words.ts';

export function ReviewsPage({ auralink }: PageProps) {
  const queue = useLoaded(() => auralink.reviews.queue());
  const [taken, setTaken] = useState<DocumentReview | null>(null);
  const action = useAction();
  useEvent(auralink, 'reviewsUpdated', queue.reload);
  const take = (documentId: string): Promise<boolean> =>
    action.run(async () => setTaken(await auralink.reviews.claim(documentId)));
  const done = (said: string): Promise<boolean> =>
    action.run(async () => {
      setTaken(null);
      await queue.reload();
    }, said);
  if (taken !== null) return <Taken auralink={auralink} review={taken} onDone={(said) => void done(said)} />;
  return (
    <Panel
      title="Waiting for a reviewer"
      intro="Take one, and it is yours for a quarter of an hour. Every look at a picture is written down."
    >
      <Waiting of={queue} />
      {queue.value !== null && (
        <Queue queue={queue.value} busy={action.busy} onTake={(id) => void take(id)} />
      )}
      <Outcome action={action} testId="reviews-said" />
    </Panel>
  );
}

interface QueueProps {
  readonly queue: ReviewQueue;
  readonly busy: boolean;
  readonly onTake: (documentId: string) => void;
}

function Queue({ queue, busy, onTake }: QueueProps) {
  if (queue.waiting.length === 0) return <Empty>Nothing waits for you.</Empty>;
  return (
    <Rows label="Waiting documents">
      {queue.waiting.map(({ documentId, sentAt, round, claim, verdicts }, index) => (
        <Row
          key={documentId}
          testId="review"
          title={`Document ${index + 1}`}
          detail={[
            `sent ${momentWords(sentAt)}`,
            ...(round > 1 ? [`round ${round}`] : []),
            ...(verdicts > 0 ? ['another reviewer has looked'] : []),
            ...(claim === 'other' ? ['somebody has it just now'] : []),
          ].join(' · ')}
        >
          {claim !== 'other' && (
            <button
              type="button"
              className="button primary small"
              aria-disabled={busy}
              aria-label={`Take document ${index + 1}`}
              onClick={() => onTake(documentId)}
            >
              {claim === 'mine' ? 'Go on' : 'Take'}
            </button>
          )}
        </Row>
      ))}
    </Rows>
  );
}

/** Renewed long before its quarter of an hour is over. */
const RENEW_MS = 300_000;

/** Hers for as long as she looks: while the page is in sight it asks again, and says when it was refused. */
function useLease(auralink: AuraLink, { documentId, claimedUntil }: DocumentReview) {
  const [lease, setLease] = useState<{ readonly until: string; readonly lost: string | null }>({
    until: claimedUntil,
    lost: null,
  });
  useEffect(() => {
    const renew = async (): Promise<void> => {
      if (document.visibilityState !== 'visible') return;
      try {
        const { claimedUntil: until } = await auralink.reviews.claim(documentId);
        setLease({ until, lost: null });
      } catch (error) {
        setLease((known) => ({ ...known, lost: wordsOf(error) }));
      }
    };
    const timer = setInterval(() => void renew(), RENEW_MS);
    return () => clearInterval(timer);
  }, [auralink, documentId]);
  return lease;
}

interface TakenProps {
  readonly auralink: AuraLink;
  readonly review: DocumentReview;
  readonly onDone: (said: string) => void;
}

function Taken({ auralink, review, onDone }: TakenProps) {
  const { documentId } = review;
  const { until, lost } = useLease(auralink, review);
  const [side, setSide] = useState<DocumentSide>(review.images[0]?.side ?? 'front');
  const photo = usePhoto(`${documentId} ${side}`, () => auralink.reviews.image(documentId, side));
  return (
    <div className="taken" data-testid="taken">
      <Panel
        title="The pictures"
        intro={`Yours until ${momentWords(until)}, and for longer while you look at it.`}
      >
        {lost !== null && <Failed words={lost} />}
        {review.images.length > 1 && (
          <fieldset className="sides" aria-label="Which side">
            {review.images.map((image) => (
              <button
                key={image.side}
                type="button"
                className="chip"
                aria-pressed={image.side === side}
                onClick={() => setSide(image.side)}
              >
                {SIDE_WORDS[image.side]}
              </button>
            ))}
          </fieldset>
        )}
        {photo.error !== null && <Failed words={photo.error} />}
        {photo.src !== null && (
          <Viewer key={side} src={photo.src} label={`${SIDE_WORDS[side]} of the document`} />
        )}
        {photo.src === null && photo.error === null && <p className="hint">One moment…</p>}
      </Panel>
      <Panel title="What the lines say">
        <Facts document={review.document} />
        <dl className="facts">
          <div>
            <dt>Name shown to others</dt>
            <dd>{review.shownName ?? 'none'}</dd>
          </div>
        </dl>
        <p className={review.nameFit === 'fits' ? 'hint good' : 'notice'}>{FIT_WORDS[review.nameFit]}</p>
        {review.faults.map((fault) => (
          <Failed key={fault.message} words={fault.message} />
        ))}
      </Panel>
      <VerdictForm auralink={auralink} review={review} onDone={onDone} />
    </div>
  );
}
