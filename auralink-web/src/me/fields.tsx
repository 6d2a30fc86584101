/** What she told the service of herself beyond her profile: kept encrypted, shown to nobody by itself. */
import { useState } from 'react';
import type { AuraLink, FieldKind } from '../../../auralink-client/index.ts';
import { Form, TextField } from '../ui/form.tsx';
import { Icon } from '../ui/icons.tsx';
import { Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';

const KINDS: Record<FieldKind, { readonly label: string; readonly type: string; readonly example: string }> =
  {
    email: { label: 'E-mail address', type: 'email', example: 'alice@example.com' },
    phone: { label: 'Phone number', type: 'tel', example: '+49 30 123456' },
    birth_date: { label: 'Date of birth', type: 'date', example: '1990-01-31' },
    postal_address: { label: 'Postal address', type: 'text', example: '1 High Street, Sampletown' },
    document: { label: 'Document', type: 'text', example: 'Passport C01X00T47' },
  };
const VALUE_MAX_LENGTH = 2000;

export function Fields({ auralink }: { auralink: AuraLink }) {
  const fields = useLoaded(() => auralink.account.fields());
  const action = useAction();
  const remove = (fieldId: string, label: string): Promise<boolean> =>
    action.run(async () => {
      await auralink.account.removeField(fieldId);
      await fields.reload();
    }, `${label} removed.`);
  return (
    <Panel
      title="Kept for you"
      intro="Encrypted with a key of your own. An address or number lets friends find you, if you allow it."
    >
      <Waiting of={fields} />
      {fields.value !== null && fields.value.length > 0 && (
        <Rows label="Kept for you">
          {fields.value.map((field) => {
            const { label } = KINDS[field.kind];
            const value = field.value ?? 'It cannot be read any more: remove it, and add it again.';
            return (
              <Row key={field.fieldId} title={value} detail={label} testId="field">
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Remove ${label} ${field.value ?? ''}`.trim()}
                  disabled={action.busy}
                  onClick={() => void remove(field.fieldId, label)}
                >
                  <Icon name="close" />
                </button>
              </Row>
            );
          })}
        </Rows>
      )}
      <Outcome action={action} />
      <AddField auralink={auralink} onAdded={fields.reload} />
    </Panel>
  );
}

/** `+49 (30) 12-34` as the service keeps it. */
function digitsOf(number: string): string {
  return number.replaceAll(/[\s()./-]/g, '');
}

function AddField({ auralink, onAdded }: { auralink: AuraLink; onAdded: () => Promise<void> }) {
  const [kind, setKind] = useState<FieldKind>('email');
  const [value, setValue] = useState('');
  const { label, type, example } = KINDS[kind];
  const add = async (): Promise<void> => {
    await auralink.account.addField(kind, kind === 'phone' ? digitsOf(value) : value.trim());
    setValue('');
    await onAdded();
  };
  return (
    <Form testId="field-add" action="Add" done="Added." disabled={value.trim() === ''} onSubmit={add}>
      <div className="two">
        <div className="field">
          <label htmlFor="field-kind">What</label>
          <select
            id="field-kind"
            className="input"
            data-testid="field-kind"
            value={kind}
            onChange={(event) => setKind(event.target.value as FieldKind)}
          >
            {Object.entries(KINDS).map(([id, one]) => (
              <option key={id} value={id}>
                {one.label}
              </option>
            ))}
          </select>
        </div>
        <TextField
          label={label}
          testId="field-value"
          type={type}
          value={value}
          onValue={setValue}
          maxLength={VALUE_MAX_LENGTH}
          placeholder={example}
          autoComplete="off"
        />
      </div>
    </Form>
  );
}
