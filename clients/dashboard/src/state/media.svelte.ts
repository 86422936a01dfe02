import { MediaQuery } from 'svelte/reactivity';

/** Widths at which the page changes its shape: below `wide` the list is a page of its own, below `roomy` the panel is a sheet. */
export const wide = new MediaQuery('(min-width: 800px)');
export const roomy = new MediaQuery('(min-width: 1180px)');
/** A keyboard is likely: hints of keys are shown, and Enter sends. */
export const keyboard = new MediaQuery('(hover: hover) and (pointer: fine)');
