/** Typing the lines of a document, with what is wrong where, or having them read from a photo in this browser. */
import { useId, useState } from 'react';
import { AuraLinkError } from '../../../../auralink-client/index.ts';
import { Form, TextArea } from '../../ui/form.tsx';
import { Outcome } from '../../ui/panel.tsx';
import { useAction } from '../../ui/use-action.ts';
import { PICTURE_TYPES } from '../picture.ts';
import { type Feedback, feedbackOn, type LineFault, linesOf, placeWords } from './mrz-feedback.ts';
import { readLines } from './read-lines.ts';

interface LinesFormProps {
  readonly initial?: readonly string[];
  readonly action: string;
  readonly onLines: (lines: readonly string[]) => Promise<void>;
}

const LINES_MAX_LENGTH = 200;

export function LinesForm({ initial = [], action, onLines }: LinesFormProps) {
  const [text, setText] = useState(initial.join('\n'));
  const [told, setTold] = useState<readonly LineFault[]>([]);
  const reading = useAction();
  const photoId = useId();
  const feedback = feedbackOn(text);
  const faults = feedback.faults.length > 0 ? feedback.faults : told;
  const type = (typed: string): void => {
    setText(typed);
    setTold([]);
  };
  const read = (photo: Blob): Promise<boolean> =>
    reading.run(async () => {
      const found = await readLines(photo);
      if (found.length === 0) throw new Error('No lines were found on this photo. Type them, please.');
      type(found.join('\n'));
    }, 'Read. Compare every character with your document.');
  const submit = async (): Promise<void> => {
    try {
      await onLines(linesOf(text));
    } catch (error) {
      if (error instanceof AuraLinkError && error.faults !== undefined) setTold(error.faults);
      throw error;
    }
  };
  return (
    <Form
      testId="lines-send"
      action={action}
      disabled={!feedback.whole || feedback.faults.length > 0}
      onSubmit={submit}
    >
      <TextArea
        label="The lines at the bottom of the page, or on the back of the card"
        testId="lines"
        rows={3}
        value={text}
        onValue={type}
        maxLength={LINES_MAX_LENGTH}
        className="input area mrz"
        wrap="off"
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        placeholder={
          'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F3204150<<<<<<<<<<<<<<06'
        }
        aria-invalid={faults.length > 0}
        hint={<LinesHint feedback={feedback} faults={faults} />}
      />
      <div className="mrz-read">
        <label htmlFor={photoId} className="button quiet">
          {reading.busy ? 'Reading…' : 'Read them from a photo'}
        </label>
        <input
          id={photoId}
          className="unseen"
          type="file"
          accept={PICTURE_TYPES}
          data-testid="lines-photo"
          onChange={(event) => {
            const [photo] = event.target.files ?? [];
            event.target.value = '';
            if (photo !== undefined) void read(photo);
          }}
        />
        <p className="hint">The photo stays in this browser.</p>
      </div>
      <Outcome action={reading} testId="lines-read" />
    </Form>
  );
}

function LinesHint({ feedback, faults }: { feedback: Feedback; faults: readonly LineFault[] }) {
  const { lines, whole } = feedback;
  return (
    <>
      {faults.length > 0 && (
        <pre className="mrz-shown" aria-hidden="true">
          {lines.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line's place is its name
            <MarkedLine key={index} line={line} faults={faults.filter((one) => one.line === index + 1)} />
          ))}
        </pre>
      )}
      <div role="status" data-testid="lines-feedback">
        {faults.map((one) => (
          <p key={`${placeWords(one)}${one.message}`} className="hint bad">
            {placeWords(one)}: {one.message}
          </p>
        ))}
        {faults.length === 0 && whole && <p className="hint good">All check digits fit.</p>}
        {faults.length === 0 && !whole && (
          <p className="hint">
            {lines.length === 0
              ? 'Two lines of 44 or 36 characters, or three of 30, with every <.'
              : lines.map((line, index) => `Line ${index + 1}: ${line.length}`).join(' · ')}
          </p>
        )}
      </div>
    </>
  );
}

function MarkedLine({ line, faults }: { line: string; faults: readonly LineFault[] }) {
  const isWrong = (at: number): boolean => faults.some(({ from, to }) => from <= at && at <= to);
  const parts: { text: string; wrong: boolean; at: number }[] = [];
  [...line].forEach((character, index) => {
    const wrong = isWrong(index + 1);
    const last = parts.at(-1);
    if (last !== undefined && last.wrong === wrong) last.text += character;
    else parts.push({ text: character, wrong, at: index });
  });
  return (
    <span>
      {parts.map(({ text, wrong, at }) =>
        wrong ? <mark key={at}>{text}</mark> : <span key={at}>{text}</span>,
      )}
      {'\n'}
    </span>
  );
}
