/** Name, text and picture that others see, and what only the service keeps for her. */
import { type ChangeEvent, useRef, useState } from 'react';
import type { Me } from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { useStore } from '../store.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Form, TextArea, TextField } from '../ui/form.tsx';
import { Outcome, Panel } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { usePicture } from '../ui/use-picture.ts';
import { Fields } from './fields.tsx';
import { PICTURE_TYPES, shrink } from './picture.ts';

/** As long as the service takes it. */
const DISPLAY_NAME_MAX_LENGTH = 60;
const ABOUT_MAX_LENGTH = 500;

export function ProfilePage(props: PageProps) {
  const { me } = useStore(props.session);
  if (me === null) return <p className="hint">One moment…</p>;
  return (
    <>
      <Panel title="What others see" intro="Who sees it, you say under Privacy.">
        <Picture {...props} me={me} />
        <Texts {...props} me={me} />
      </Panel>
      <Fields auralink={props.auralink} />
    </>
  );
}

type OfMe = PageProps & { readonly me: Me };

function Texts({ auralink, session, me }: OfMe) {
  const [displayName, setDisplayName] = useState(me.displayName ?? '');
  const [about, setAbout] = useState(me.about ?? '');
  const left = ABOUT_MAX_LENGTH - about.length;
  const save = async (): Promise<void> => {
    await auralink.account.writeProfile({
      displayName: displayName.trim() === '' ? null : displayName.trim(),
      about: about.trim() === '' ? null : about.trim(),
    });
    await session.refresh();
  };
  return (
    <Form testId="profile-save" action="Save" done="Saved." onSubmit={save}>
      <TextField
        label="Name"
        testId="profile-name"
        value={displayName}
        onValue={setDisplayName}
        maxLength={DISPLAY_NAME_MAX_LENGTH}
        autoComplete="name"
        placeholder="How friends call you"
      />
      <TextArea
        label="About you"
        testId="profile-about"
        value={about}
        onValue={setAbout}
        maxLength={ABOUT_MAX_LENGTH}
        hint={<p className="hint numbers">{left} characters left</p>}
      />
    </Form>
  );
}

function Picture({ auralink, session, me }: OfMe) {
  const file = useRef<HTMLInputElement>(null);
  const [version, setVersion] = useState(0);
  const action = useAction();
  const src = usePicture(auralink, me.auraId, me.pictureUrl, version);
  const change = (work: () => Promise<void>, said: string): Promise<boolean> =>
    action.run(async () => {
      await work();
      await session.refresh();
      setVersion((now) => now + 1);
    }, said);
  const onPick = (event: ChangeEvent<HTMLInputElement>): void => {
    const picked = event.target.files?.[0];
    event.target.value = '';
    if (picked === undefined) return;
    void change(async () => auralink.account.setPicture(await shrink(picked)), 'Your picture is new.');
  };
  return (
    <div>
      <div className="picture-edit">
        <Avatar person={me} size="5.5rem" src={src} />
        <div className="buttons">
          <button
            type="button"
            className="button quiet"
            aria-disabled={action.busy}
            onClick={() => file.current?.click()}
          >
            {me.pictureUrl === null ? 'Add a picture' : 'Change the picture'}
          </button>
          {me.pictureUrl !== null && (
            <button
              type="button"
              className="button quiet"
              aria-disabled={action.busy}
              onClick={() => void change(() => auralink.account.removePicture(), 'Your picture is gone.')}
            >
              Remove it
            </button>
          )}
        </div>
        <input
          ref={file}
          type="file"
          hidden
          aria-label="Picture"
          accept={PICTURE_TYPES}
          data-testid="picture-file"
          onChange={onPick}
        />
      </div>
      <Outcome action={action} testId="picture-said" />
    </div>
  );
}
