/** The mark and the name. */
export function Logo() {
  return (
    <p className="logo">
      <svg viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">
        <circle cx="16" cy="16" r="13" fill="none" stroke="var(--aura-1)" strokeWidth="3" />
        <circle cx="16" cy="16" r="7.5" fill="none" stroke="var(--aura-2)" strokeWidth="3" />
        <circle cx="16" cy="16" r="2.8" fill="currentColor" />
      </svg>
      AuraLink
    </p>
  );
}
