/** Line drawings of what is for sale, in the colours of the page. */
import type { ReactNode } from 'react';

const DRAWINGS = {
  bicycle: (
    <>
      <circle cx="48" cy="100" r="26" />
      <circle cx="152" cy="100" r="26" />
      <path d="M48 100 78 56h52l22 44M78 56l22 44h-52M100 100l30-44M70 48h18M124 42h16l-10 14" />
      <circle cx="100" cy="100" r="5" className="fill" />
    </>
  ),
  chair: (
    <>
      <path className="fill" d="M66 30q34-14 68 0l-6 50H72z" />
      <path d="M58 82h84v16H58zM64 98l-10 34M136 98l10 34M58 84q-10-18-4-26M142 84q10-18 4-26" />
    </>
  ),
  lamp: (
    <>
      <path className="fill" d="m104 26 44 26-20 24-40-22z" />
      <path d="M104 44 70 72l26 46M64 130h64M78 130q0-12 18-12t18 12" />
      <circle cx="70" cy="72" r="4" />
    </>
  ),
  camera: (
    <>
      <path d="M40 52h32l8-14h40l8 14h32v66H40z" />
      <circle cx="100" cy="84" r="24" className="fill" />
      <circle cx="100" cy="84" r="11" />
      <path d="M140 64h10" />
    </>
  ),
  plant: (
    <>
      <path className="fill" d="M74 100h52l-8 34H82z" />
      <path d="M100 100V54M100 76q-34 2-42-28 34-4 42 28M100 64q4-34 40-36 2 34-40 36M100 92q26 0 40-18" />
    </>
  ),
  records: (
    <>
      <path d="M40 40h70v86H40z" />
      <circle cx="118" cy="83" r="42" />
      <circle cx="118" cy="83" r="27" />
      <circle cx="118" cy="83" r="13" className="fill" />
    </>
  ),
} satisfies Record<string, ReactNode>;

export type DrawingName = keyof typeof DRAWINGS;

export function Drawing({ name }: { name: DrawingName }) {
  return (
    <svg className="drawing" viewBox="0 0 200 160" aria-hidden="true" focusable="false">
      {DRAWINGS[name]}
    </svg>
  );
}
