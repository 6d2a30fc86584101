/** Her identity documents: the one under way step by step, those of before, and the way to the review queue. */
import { useId, useState } from 'react';
import type {
  AuraLink,
  DocumentSide,
  DocumentTerms,
  IdentityDocument,
} from '../../../../auralink-client/index.ts';
import type { PageProps } from '../../mount.tsx';
import { Form } from '../../ui/form.tsx';
import { Confirm, Outcome, Panel, Row, Rows, Waiting } from '../../ui/panel.tsx';
import { useAction } from '../../ui/use-action.ts';
import { useLoaded } from '../../ui/use-loaded.ts';
import { PICTURE_TYPES } from '../picture.ts';
import { mePath } from '../route.ts';
import { useEvent } from '../use-event.ts';
import { dayWords } from '../words.ts';
import './documents.css';
import { Facts } from './facts.tsx';
import { LinesForm } from './lines-form.tsx';
import { usePhoto } from './photo.tsx';
import { plainPhoto } from './plain-photo.ts';
import { FIT_WORDS, MISSING_WORDS, REASON_WORDS, SIDE_WORDS, STATE_WORDS } from './words.ts';

const LIVE = new Set(['open', 'pending', 'asked']);

export function DocumentsPage({ auralink }: PageProps) {
  const loaded = useLoaded(() => auralink.documents.list());
  useEvent(auralink, 'documentUpdated', loaded.reload);
  const { value } = loaded;
  const live = value?.documents.find(({ state }) => LIVE.has(state));
  const past = value?.documents.filter(({ state }) => !LIVE.has(state)) ?? [];
  return (
    <>
      {value?.terms.mayReview === true && (
        <a className="button quiet to-reviews" href={mePath('reviews')} data-testid="to-reviews">
          Review documents of others
        </a>
      )}
      {value === null && (
        <Panel title="Show an identity document">
          <Waiting of={loaded} />
        </Panel>
      )}
      {value !== null && live === undefined && (
        <Begin auralink={auralink} terms={value.terms} onDone={loaded.reload} />
      )}
      {value !== null && live !== undefined && (
        <UnderWay auralink={auralink} terms={value.terms} shown={live} onDone={loaded.reload} />
      )}
      {past.length > 0 && (
        <Panel title="Before">
          <Rows label="Documents of before">
            {past.map((one) => (
              <Row
                key={one.documentId}
                testId="document-past"
                title={STATE_WORDS[one.state]}
                detail={pastWords(one)}
              />
            ))}
          </Rows>
        </Panel>
      )}
    </>
  );
}

function pastWords({ by, reason, note, decidedAt, createdAt, deletedOn }: IdentityDocument): string {
  const parts = [
    dayWords(decidedAt ?? createdAt),
    ...(by === 'chip' ? ['by its chip'] : []),
    ...(reason === null ? [] : [REASON_WORDS[reason]]),
    ...(note === null ? [] : [`“${note}”`]),
    ...(deletedOn === null ? [] : [`pictures are deleted on ${dayWords(deletedOn)}`]),
  ];
  return parts.join(' · ');
}

interface StepProps {
  readonly auralink: AuraLink;
  readonly terms: DocumentTerms;
  readonly onDone: () => Promise<void>;
}

function Begin({ auralink, terms, onDone }: StepProps) {
  return (
    <Panel
      title="Show an identity document"
      intro={`A reviewer looks at pictures of it${terms.chip ? ', or its chip proves it at once' : ''}. Lines and pictures are encrypted with a key of your own and deleted ${terms.keptDays} days after the decision.`}
      testId="document-begin"
    >
      <LinesForm
        action="Go on"
        onLines={async (lines) => {
          await auralink.documents.begin(lines);
          await onDone();
        }}
      />
    </Panel>
  );
}

function UnderWay({ shown, ...props }: StepProps & { readonly shown: IdentityDocument }) {
  const editable = shown.state !== 'pending';
  return (
    <>
      <Panel title={STATE_WORDS[shown.state]} testId="document-live" intro={introOf(shown)}>
        {shown.missing.length > 0 && (
          <ul className="asked" aria-label="What is missing">
            {shown.missing.map((one) => (
              <li key={one}>{MISSING_WORDS[one]}</li>
            ))}
          </ul>
        )}
        {shown.note !== null && <blockquote className="note">{shown.note}</blockquote>}
        {shown.document !== null && <Facts document={shown.document} />}
        {shown.nameFit !== null && (
          <p className={shown.nameFit === 'fits' ? 'hint good' : 'hint'}>{FIT_WORDS[shown.nameFit]}</p>
        )}
        {shown.missing.includes('lines') && <OtherLines {...props} shown={shown} />}
        <TakeBack {...props} shown={shown} />
      </Panel>
      {editable && props.terms.chip && <ByChip {...props} shown={shown} />}
      <Pictures {...props} shown={shown} editable={editable} />
    </>
  );
}

function introOf({ state, sentAt }: IdentityDocument): string {
  if (state === 'pending' && sentAt !== null)
    return `Sent on ${dayWords(sentAt)}. You will see here what they say.`;
  return state === 'asked'
    ? 'Change what is asked for, and send it again.'
    : 'Add pictures and send it, or prove it by its chip.';
}

type OfOne = StepProps & { readonly shown: IdentityDocument };

function OtherLines({ auralink, shown, onDone }: OfOne) {
  return (
    <LinesForm
      initial={shown.document?.lines ?? []}
      action="Change the lines"
      onLines={async (lines) => {
        await auralink.documents.setLines(shown.documentId, lines);
        await onDone();
      }}
    />
  );
}

function TakeBack({ auralink, shown, onDone }: OfOne) {
  const [asking, setAsking] = useState(false);
  return (
    <div>
      <button
        type="button"
        className="button quiet"
        data-testid="document-withdraw"
        onClick={() => setAsking(true)}
      >
        Take it back
      </button>
      {asking && (
        <Confirm
          title="Take this document back?"
          action="Take it back"
          testId="document-withdraw-confirm"
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await auralink.documents.withdraw(shown.documentId);
            setAsking(false);
            await onDone();
          }}
        >
          <p>Its lines and pictures are deleted at once.</p>
        </Confirm>
      )}
    </div>
  );
}

function ByChip({ auralink, shown, onDone }: OfOne) {
  const [files, setFiles] = useState<readonly File[]>([]);
  const id = useId();
  return (
    <Panel
      title="Prove it by its chip"
      intro="A reader app on a phone saves what the chip holds: EF.SOD and data groups, as files or as one zip. They are checked and not kept."
    >
      <Form
        testId="chip-send"
        action="Prove it"
        disabled={files.length === 0}
        onSubmit={async () => {
          await auralink.documents.proveByChip(shown.documentId, files);
          await onDone();
        }}
      >
        <div className="field">
          <label htmlFor={id}>Files of the chip</label>
          <input
            id={id}
            className="input"
            type="file"
            multiple
            data-testid="chip-files"
            onChange={(event) => setFiles([...(event.target.files ?? [])])}
          />
        </div>
      </Form>
    </Panel>
  );
}

function Pictures({ auralink, terms, shown, editable, onDone }: OfOne & { readonly editable: boolean }) {
  const action = useAction();
  const ready = shown.needs.every((side) => shown.images.some((image) => image.side === side));
  const put = (side: DocumentSide, photo: Blob): Promise<boolean> =>
    action.run(async () => {
      const plain = await plainPhoto(photo, terms.imageMaxBytes);
      await auralink.documents.setImage(shown.documentId, side, plain);
      await onDone();
    }, `${SIDE_WORDS[side]}: there.`);
  return (
    <Panel
      title="Pictures for the reviewers"
      intro={editable ? 'The whole page or card, sharp, without glare.' : undefined}
    >
      <div className="photos">
        {shown.needs.map((side) => (
          <Photo
            key={side}
            {...{ auralink, shown, side, editable }}
            busy={action.busy}
            onPhoto={(photo) => void put(side, photo)}
          />
        ))}
      </div>
      <Outcome action={action} testId="pictures-said" />
      {editable && (
        <Form
          testId="document-send"
          action="Send to the reviewers"
          disabled={!ready}
          onSubmit={async () => {
            await auralink.documents.send(shown.documentId);
            await onDone();
          }}
        >
          {!ready && <p className="hint">Every side is needed.</p>}
        </Form>
      )}
    </Panel>
  );
}

interface PhotoProps {
  readonly auralink: AuraLink;
  readonly shown: IdentityDocument;
  readonly side: DocumentSide;
  readonly editable: boolean;
  readonly busy: boolean;
  readonly onPhoto: (photo: Blob) => void;
}

function Photo({ auralink, shown, side, editable, busy, onPhoto }: PhotoProps) {
  const id = useId();
  const image = shown.images.find((one) => one.side === side);
  const key = image === undefined ? null : `${shown.documentId} ${side} ${image.uploadedAt}`;
  const { src, error } = usePhoto(key, () => auralink.documents.image(shown.documentId, side));
  return (
    <figure className="photo">
      <figcaption>{SIDE_WORDS[side]}</figcaption>
      {src === null ? (
        <div className="photo-empty">{error ?? (image === undefined ? 'None yet' : 'One moment…')}</div>
      ) : (
        <img src={src} alt={`${SIDE_WORDS[side]} of your document`} />
      )}
      {editable && (
        <>
          <label htmlFor={id} className="button quiet small">
            {image === undefined ? 'Add' : 'Replace'}
            <span className="unseen"> the picture of the {side}</span>
          </label>
          <input
            id={id}
            className="unseen"
            type="file"
            accept={PICTURE_TYPES}
            disabled={busy}
            data-testid={`photo-${side}`}
            onChange={(event) => {
              const [photo] = event.target.files ?? [];
              event.target.value = '';
              if (photo !== undefined) onPhoto(photo);
            }}
          />
        </>
      )}
    </figure>
  );
}
