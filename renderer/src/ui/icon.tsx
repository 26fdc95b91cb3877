// The window's icons: 20 × 20, drawn with the text's colour, never the only carrier of a meaning.
const PATHS = {
  copy: 'M7.5 7.5h8v8h-8zM4.5 12.5v-8h8',
  check: 'M4.5 10.5l3.5 3.5 7.5-8',
  more: 'M4.5 10h.01M10 10h.01M15.5 10h.01',
  plus: 'M10 4.5v11M4.5 10h11',
  link: 'M8.5 11.5l3-3M7 9l-1.8 1.8a2.6 2.6 0 0 0 3.7 3.7L10.7 12.7M13 11l1.8-1.8a2.6 2.6 0 0 0-3.7-3.7L9.3 7.3',
  close: 'M5.5 5.5l9 9M14.5 5.5l-9 9',
  chevron: 'M7.5 5l5 5-5 5',
  back: 'M12.5 5l-5 5 5 5',
  settings: 'M4 6.5h7M15 6.5h1M4 13.5h1M9 13.5h7M11 4.5v4M7 11.5v4',
  pulse: 'M3 10.5h3l2.5-6 3 11 2.5-5h3',
  warning: 'M10 3.5l7 12.5H3zM10 8.5v3.5M10 14h.01',
  note: 'M10 9.5v4M10 6.5h.01M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0z',
  down: 'M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5',
  up: 'M10 15.5v-11M5.5 9l4.5-4.5L14.5 9',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4',
  people:
    'M7.5 9.5a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM2.5 16c0-2.7 2.2-4.3 5-4.3s5 1.6 5 4.3M13 4.2a2.6 2.6 0 0 1 0 5M14.5 12c1.8.5 3 1.9 3 4',
  cast: 'M10 11.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4zM6.8 13.2a4.5 4.5 0 0 1 0-6.4M13.2 6.8a4.5 4.5 0 0 1 0 6.4M4.5 15.5a7.8 7.8 0 0 1 0-11M15.5 4.5a7.8 7.8 0 0 1 0 11',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 2.6 : 1.6}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
