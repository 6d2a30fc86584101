/** Copying for a person: browsers give pages without TLS no clipboard, and may refuse it. */
export async function copyText(text: string): Promise<void> {
  const clipboard: Clipboard | undefined = navigator.clipboard;
  if (clipboard === undefined)
    throw new Error('This browser does not let the page copy; select the text and copy it.');
  await clipboard.writeText(text);
}
