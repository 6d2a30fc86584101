/** What a document says of its holder, as a list of terms. */
import type { DocumentFacts } from '../../../../auralink-client/index.ts';
import { dayWords } from '../words.ts';

export function Facts({ document }: { document: DocumentFacts }) {
  const { surname, givenNames, number, issuingState, nationality, birthDate, expiresOn, lines } = document;
  const rows: readonly (readonly [string, string])[] = [
    ['Name', [...givenNames, ...surname].join(' ')],
    ['Document', `${number} · ${issuingState}`],
    ['Nationality', nationality],
    ['Born', birthDate.length === 10 ? dayWords(`${birthDate}T12:00:00`) : birthDate],
    ['Valid until', dayWords(`${expiresOn}T12:00:00`)],
  ];
  return (
    <>
      <dl className="facts">
        {rows.map(([term, text]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <pre className="mrz-shown">{lines.join('\n')}</pre>
    </>
  );
}
