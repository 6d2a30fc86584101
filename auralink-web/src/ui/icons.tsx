/** The icons, drawn inline so that they take the colour of their text. All are decoration: buttons carry labels. */
import type { ReactNode } from 'react';

const HANDSET =
  'M21 16.4v2.8a1.9 1.9 0 0 1-2.1 1.9 18.8 18.8 0 0 1-8.2-2.9 18.5 18.5 0 0 1-5.7-5.7A18.8 18.8 0 0 1 2.1 4.2 1.9 1.9 0 0 1 4 2.1h2.8a1.9 1.9 0 0 1 1.9 1.6c.1.9.3 1.8.7 2.7a1.9 1.9 0 0 1-.4 2L7.8 9.6a15.2 15.2 0 0 0 5.7 5.700l1.2-1.200a1.9 1.9 0 0 1 2-.4c.9.3 1.8.6 2.7.7a1.9 1.9 0 0 1 1.6 2z';

const PATHS = {
  phone: <path d={HANDSET} />,
  hangup: <path d={HANDSET} transform="rotate(135 12 12)" />,
  video: (
    <>
      <rect x="2" y="6" width="13" height="12" rx="3" />
      <path d="m15 11 6-3.500v9L15 13z" />
    </>
  ),
  videoOff: (
    <>
      <path d="M10 6h2a3 3 0 0 1 3 3v2l6-3.500v9L18 15M15 15.500A3 3 0 0 1 12 18H5a3 3 0 0 1-3-3V9a3 3 0 0 1 2.5-3" />
      <path d="m3 3 18 18" />
    </>
  ),
  mic: (
    <>
      <rect x="9" y="2.5" width="6" height="11.5" rx="3" />
      <path d="M5 11a7 7 0 0 0 14 0M12 18v3.5" />
    </>
  ),
  micOff: (
    <>
      <path d="M9 9v2a3 3 0 0 0 4.5 2.600M15 10.500v-5a3 3 0 0 0-5.8-1M5 11a7 7 0 0 0 11 5.700M19 11a7 7 0 0 1-.6 2.800M12 18v3.5" />
      <path d="m3 3 18 18" />
    </>
  ),
  incoming: <path d="M18 6 7 17M7 8v9h9" />,
  outgoing: <path d="M6 18 17 7M8 7h9v9" />,
  missed: <path d="m5 7 6 6 8-8M5 7v5M5 7h5M12 20l3-3m0 3-3-3" />,
  gear: (
    <>
      <circle cx="12" cy="12" r="3.2" />
      <path d="M12 2.500v3M12 18.500v3M2.5 12h3M18.5 12h3M5.3 5.300l2.1 2.100M16.6 16.600l2.1 2.100M5.3 18.700l2.1-2.100M16.6 7.400l2.1-2.1" />
    </>
  ),
  close: <path d="m6 6 12 12M18 6 6 18" />,
  back: <path d="m14 5-7 7 7 7" />,
  search: (
    <>
      <circle cx="11" cy="11" r="6.5" />
      <path d="m16 16 4.5 4.5" />
    </>
  ),
  plus: <path d="M12 5v14M5 12h14" />,
  pin: (
    <>
      <path d="M12 21s7-6.5 7-11.500a7 7 0 0 0-14 0C5 14.5 12 21 12 21z" />
      <circle cx="12" cy="9.5" r="2.5" />
    </>
  ),
  person: <path d="M12 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20.500a8 8 0 0 1 16 0" />,
  people: (
    <path d="M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 19.500a6.500 6.500 0 0 1 13 0M16 4.800a3.500 3.500 0 0 1 0 6.500M18 14a6.500 6.500 0 0 1 3.500 5.500" />
  ),
  at: (
    <>
      <circle cx="12" cy="12" r="3.800" />
      <path d="M15.800 8.200V13a2.500 2.500 0 0 0 5 0v-1a8.800 8.800 0 1 0-3.500 7" />
    </>
  ),
  shield: <path d="M12 2.500l8 3v6c0 5-3.400 8.600-8 10-4.600-1.400-8-5-8-10v-6z" />,
  bell: <path d="M18 16v-5.500a6 6 0 0 0-12 0V16l-2 2.500h16zM10 21.500h4" />,
  link: (
    <path d="M10 14a4.500 4.500 0 0 0 6.400 0l3.100-3.100a4.500 4.500 0 0 0-6.400-6.400L12 5.600M14 10a4.500 4.500 0 0 0-6.400 0l-3.100 3.100a4.500 4.500 0 0 0 6.400 6.400L12 18.400" />
  ),
  grid: <path d="M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z" />,
  devices: <path d="M3 5h12v9H3zM1.500 18H11M15 9h7v11h-7zM18 17.500h1" />,
  key: (
    <>
      <circle cx="8" cy="15.500" r="4.500" />
      <path d="m11.300 12.300 8.700-8.800M16.500 7l3 3" />
    </>
  ),
  box: (
    <path d="M3.500 8 12 3.500 20.500 8v8.500L12 21l-8.500-4.500zM3.500 8l8.500 4.500L20.500 8M12 12.500V21" />
  ),
  bubble: <path d="M21 11.500a8.500 8.500 0 0 1-12.500 7.500L3 21l2-5.500a8.500 8.500 0 1 1 16-4z" />,
  card: (
    <path d="M2.5 5h19v14h-19zM6 15.500a3 3 0 0 1 6 0M9 11.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM15 9.500h3.500M15 14h3.500" />
  ),
  forward: <path d="m10 5 7 7-7 7" />,
  code: <path d="m8 6-6 6 6 6M16 6l6 6-6 6M14 4l-4 16" />,
  copy: <path d="M9 9h11v11H9zM5 15H4V4h11v1" />,
  pencil: <path d="M4 20l1-4.500L16.500 4a2.100 2.100 0 0 1 3 3L8 18.500zM14.500 6l3 3" />,
  check: <path d="m4.500 12.500 5 5 10-11" />,
  sound: <path d="M4 9.500v5h3.500L13 19V5L7.5 9.500zM16.5 8.500a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.9"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {PATHS[name]}
    </svg>
  );
}
