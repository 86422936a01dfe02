/** One look for every menu, list and popover. */
export const MENU =
  'z-40 min-w-44 max-w-[min(24rem,calc(100vw-1rem))] animate-pop overflow-y-auto rounded-xl border border-line bg-surface p-1 text-sm shadow-pop outline-none';
export const MENU_ITEM =
  'flex cursor-pointer items-center gap-2.5 rounded-lg px-2.5 py-1.5 outline-none select-none data-disabled:cursor-not-allowed data-disabled:opacity-45 data-highlighted:bg-hover';
export const MENU_HEADING = 'px-2.5 pt-2 pb-1 text-2xs font-medium text-faint';
export const FIELD =
  'w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-sm outline-none placeholder:text-faint focus:border-focus focus:ring-2 focus:ring-focus/25 disabled:opacity-50';
export const CHIP =
  'inline-flex h-7 items-center gap-1 rounded-lg px-2 text-xs text-muted transition-colors hover:bg-hover hover:text-ink data-[state=open]:bg-active disabled:pointer-events-none disabled:opacity-60';
