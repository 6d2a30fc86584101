/** Whom she has blocked. The blocked one is never told: to him she is offline and shows nothing. */
import { useState } from 'react';
import type { AuraLink } from '../../../auralink-client/index.ts';
import { findAddress } from '../address.ts';
import { Form, TextField } from '../ui/form.tsx';
import { Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';

export function Blocked({ auralink }: { auralink: AuraLink }) {
  const blocks = useLoaded(() => auralink.privacy.blocks());
  const action = useAction();
  const [typed, setTyped] = useState('');
  const address = findAddress(typed);
  const block = async (): Promise<void> => {
    if (address === null) return;
    await auralink.privacy.block(address);
    setTyped('');
    await blocks.reload();
  };
  const unblock = (auraId: string): Promise<boolean> =>
    action.run(async () => {
      await auralink.privacy.unblock(auraId);
      await blocks.reload();
    }, `${auraId} is not blocked any more.`);
  return (
    <Panel
      title="Blocked people"
      intro="They are not told. To them you are offline, and their calls ring nowhere."
      testId="blocked"
    >
      <Waiting of={blocks} />
      {blocks.value !== null && blocks.value.length > 0 && (
        <Rows label="Blocked people">
          {blocks.value.map(({ auraId }) => (
            <Row key={auraId} title={auraId} testId="block">
              <button
                type="button"
                className="button quiet small"
                aria-disabled={action.busy}
                aria-label={`Unblock ${auraId}`}
                onClick={() => void unblock(auraId)}
              >
                Unblock
              </button>
            </Row>
          ))}
        </Rows>
      )}
      <Outcome action={action} />
      <Form testId="block-add" action="Block" done="Blocked." disabled={address === null} onSubmit={block}>
        <TextField
          label="Block an address"
          testId="block-address"
          value={typed}
          onValue={setTyped}
          placeholder="@mallory.aura"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
      </Form>
    </Panel>
  );
}
