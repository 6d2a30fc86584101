/** What a reviewer says of a document: accept, reject with a reason, ask for what is missing, or leave it to others. */
import { useId, useState } from 'react';
import type {
  AuraLink,
  DocumentMissing,
  DocumentRejection,
  DocumentReview,
  Verdict,
} from '../../../../auralink-client/index.ts';
import { Form, TextArea } from '../../ui/form.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Segments } from '../../ui/segments.tsx';
import { useAction } from '../../ui/use-action.ts';
import { MISSING_WORDS, REASON_WORDS } from './words.ts';

type Kind = Verdict['verdict'];
const KINDS: readonly { readonly value: Kind; readonly label: string }[] = [
  { value: 'approve', label: 'Accept' },
  { value: 'ask', label: 'Ask again' },
  { value: 'reject', label: 'Reject' },
];
const NOTE_MAX_LENGTH = 500;

interface VerdictFormProps {
  readonly auralink: AuraLink;
  readonly review: DocumentReview;
  readonly onDone: (said: string) => void;
}

export function VerdictForm({ auralink, review, onDone }: VerdictFormProps) {
  const [kind, setKind] = useState<Kind | null>(null);
  const [reason, setReason] = useState<DocumentRejection>('unreadable');
  const [missing, setMissing] = useState<ReadonlySet<DocumentMissing>>(new Set());
  const [note, setNote] = useState('');
  const leaving = useAction();
  const said = note.trim() === '' ? {} : { note: note.trim() };
  const verdicts: Record<Kind, Verdict> = {
    approve: { verdict: 'approve' },
    reject: { verdict: 'reject', reason, ...said },
    ask: { verdict: 'ask', missing: [...missing], ...said },
  };
  const submit = async (): Promise<void> => {
    if (kind === null) return;
    const { decided } = await auralink.reviews.judge(review.documentId, verdicts[kind]);
    onDone(decided ? 'Said and done.' : 'Said. Another reviewer has to agree.');
  };
  const release = (): Promise<boolean> =>
    leaving.run(async () => {
      await auralink.reviews.release(review.documentId);
      onDone('Left to others.');
    });
  return (
    <Panel title="Your verdict">
      <Form
        testId="verdict-send"
        action="Say so"
        danger={kind === 'reject'}
        leaves
        disabled={kind === null || (kind === 'ask' && missing.size === 0)}
        onSubmit={submit}
      >
        <Segments label="Your verdict" testId="verdict" value={kind} options={KINDS} onPick={setKind} />
        {kind === 'reject' && <Reason reason={reason} onReason={setReason} />}
        {kind === 'ask' && <Missing missing={missing} onMissing={setMissing} />}
        {kind !== null && kind !== 'approve' && (
          <TextArea
            label="A note to the holder (if you like)"
            testId="verdict-note"
            rows={3}
            maxLength={NOTE_MAX_LENGTH}
            value={note}
            onValue={setNote}
          />
        )}
      </Form>
      <div>
        <button
          type="button"
          className="button quiet"
          data-testid="review-release"
          aria-disabled={leaving.busy}
          onClick={() => void release()}
        >
          Leave it to others
        </button>
      </div>
    </Panel>
  );
}

function Reason({
  reason,
  onReason,
}: {
  reason: DocumentRejection;
  onReason: (reason: DocumentRejection) => void;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>Why</label>
      <select
        id={id}
        className="input"
        data-testid="verdict-reason"
        value={reason}
        onChange={(event) => onReason(event.target.value as DocumentRejection)}
      >
        {Object.entries(REASON_WORDS).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  );
}

interface MissingProps {
  readonly missing: ReadonlySet<DocumentMissing>;
  readonly onMissing: (missing: ReadonlySet<DocumentMissing>) => void;
}

function Missing({ missing, onMissing }: MissingProps) {
  return (
    <fieldset className="missing">
      <legend>What is missing</legend>
      {(Object.entries(MISSING_WORDS) as [DocumentMissing, string][]).map(([value, words]) => (
        <label key={value}>
          <input
            type="checkbox"
            checked={missing.has(value)}
            data-testid={`missing-${value}`}
            onChange={(event) => {
              const next = new Set(missing);
              if (event.target.checked) next.add(value);
              else next.delete(value);
              onMissing(next);
            }}
          />
          {words}
        </label>
      ))}
    </fieldset>
  );
}
