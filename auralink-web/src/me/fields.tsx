/** What she told the service of herself beyond her profile: kept encrypted, shown to nobody by itself. */
import { useEffect, useRef, useState } from 'react';
import type { AuraLink, FieldKind, ListedField } from '../../../auralink-client/index.ts';
import { Form, TextField } from '../ui/form.tsx';
import { Icon } from '../ui/icons.tsx';
import { Confirm, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';

interface KindText {
  readonly label: string;
  readonly type: string;
  readonly example: string;
  /** By this one others may find her, once it is confirmed. */
  readonly finds?: true;
}

const KINDS: Record<FieldKind, KindText> = {
  email: { label: 'E-mail address', type: 'email', example: 'alice@example.com', finds: true },
  phone: { label: 'Phone number', type: 'tel', example: '+49 30 123456', finds: true },
  birth_date: { label: 'Date of birth', type: 'date', example: '1990-01-31' },
  postal_address: { label: 'Postal address', type: 'text', example: '1 High Street, Sampletown' },
  document: { label: 'Document', type: 'text', example: 'Passport C01X00T47' },
};
const VALUE_MAX_LENGTH = 2000;

export function Fields({ auralink }: { auralink: AuraLink }) {
  const fields = useLoaded(() => auralink.account.fields());
  const action = useAction();
  const [editing, setEditing] = useState<string | null>(null);
  const [removing, setRemoving] = useState<ListedField | null>(null);
  const remove = async ({ fieldId, kind }: ListedField): Promise<void> => {
    await auralink.account.removeField(fieldId);
    setRemoving(null);
    await action.run(fields.reload, `${KINDS[kind].label} removed.`);
  };
  const change = async ({ fieldId, kind }: ListedField, value: string): Promise<void> => {
    await auralink.account.changeField(fieldId, kind, value);
    await action.run(fields.reload, `${KINDS[kind].label} changed.`);
    setEditing(null);
  };
  return (
    <Panel
      title="Kept for you"
      intro="Encrypted with a key of your own. An address or number lets friends find you, if you allow it."
    >
      <Waiting of={fields} />
      {fields.value !== null && fields.value.length > 0 && (
        <Rows label="Kept for you">
          {fields.value.map((field) => (
            <FieldRow
              key={field.fieldId}
              field={field}
              editing={editing === field.fieldId}
              busy={action.busy}
              onEdit={() => setEditing(field.fieldId)}
              onCancel={() => setEditing(null)}
              onChange={(value) => change(field, value)}
              onRemove={() => setRemoving(field)}
            />
          ))}
        </Rows>
      )}
      <Outcome action={action} testId="fields-said" />
      {removing !== null && (
        <Confirm
          title={`Remove ${KINDS[removing.kind].label}?`}
          action="Remove"
          testId="field-remove-confirm"
          onClose={() => setRemoving(null)}
          onConfirm={() => remove(removing)}
        >
          <p>What you have confirmed by it ends, too.</p>
        </Confirm>
      )}
      <AddField auralink={auralink} onAdded={fields.reload} />
    </Panel>
  );
}

interface FieldRowProps {
  readonly field: ListedField;
  readonly editing: boolean;
  readonly busy: boolean;
  readonly onEdit: () => void;
  readonly onCancel: () => void;
  readonly onChange: (value: string) => Promise<void>;
  readonly onRemove: () => void;
}

function FieldRow(props: FieldRowProps) {
  const { field, editing, busy } = props;
  const { label } = KINDS[field.kind];
  const pencil = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(editing);
  // Whoever is done with it stands where she began.
  useEffect(() => {
    if (wasEditing.current && !editing) pencil.current?.focus();
    wasEditing.current = editing;
  }, [editing]);
  if (editing) return <EditField {...props} />;
  const named = `${label} ${field.value ?? ''}`.trim();
  return (
    <Row
      title={field.value ?? 'It cannot be read any more: remove it, and add it again.'}
      detail={label}
      testId="field"
    >
      {field.value !== undefined && (
        <button
          ref={pencil}
          type="button"
          className="icon-button"
          aria-label={`Change ${named}`}
          onClick={props.onEdit}
        >
          <Icon name="pencil" />
        </button>
      )}
      <button
        type="button"
        className="icon-button"
        aria-label={`Remove ${named}`}
        aria-disabled={busy}
        onClick={props.onRemove}
      >
        <Icon name="close" />
      </button>
    </Row>
  );
}

/** The row while its value is typed anew; Escape leaves it as it was. */
function EditField({ field, onCancel, onChange }: FieldRowProps) {
  const { label, type, finds } = KINDS[field.kind];
  const [value, setValue] = useState(field.value ?? '');
  const box = useRef<HTMLLIElement>(null);
  useEffect(() => box.current?.querySelector('input')?.select(), []);
  const kept = asKept(field.kind, value);
  return (
    <li
      ref={box}
      className="row editing"
      data-testid="field-editor"
      onKeyDown={(event) => event.key === 'Escape' && onCancel()}
    >
      <Form
        testId="field-change"
        action="Save"
        disabled={kept === '' || kept === field.value}
        onCancel={onCancel}
        onSubmit={() => onChange(kept)}
        leaves
      >
        <TextField
          label={label}
          testId="field-changed"
          type={type}
          value={value}
          onValue={setValue}
          maxLength={VALUE_MAX_LENGTH}
          autoComplete="off"
          {...(finds && {
            hint: <p className="hint">Another one has to be confirmed before anybody finds you by it.</p>,
          })}
        />
      </Form>
    </li>
  );
}

/** What she typed as the service keeps it: `+49 (30) 12-34` without what is between the digits. */
function asKept(kind: FieldKind, typed: string): string {
  return kind === 'phone' ? typed.replaceAll(/[\s()./-]/g, '') : typed.trim();
}

function AddField({ auralink, onAdded }: { auralink: AuraLink; onAdded: () => Promise<void> }) {
  const [kind, setKind] = useState<FieldKind>('email');
  const [value, setValue] = useState('');
  const { label, type, example } = KINDS[kind];
  const add = async (): Promise<void> => {
    await auralink.account.addField(kind, asKept(kind, value));
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
