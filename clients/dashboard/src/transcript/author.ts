import type { Author } from '@pizzapi/protocol';

const VIA: Readonly<Record<Author['via'], string>> = {
  owner: '',
  collab: 'via link',
  api: 'via API',
  terminal: 'via terminal',
  agent: 'from another agent',
  system: 'from PizzaPi',
};

/** Who wrote something, where it was not the person who looks: "Ann, via link". Nothing for the owner, but to guests. */
export function authorLabel(by: Author | undefined, isGuest: boolean): string | undefined {
  if (by === undefined || (by.via === 'owner' && !isGuest)) return undefined;
  if (by.via === 'owner') return by.name || 'Owner';
  const name = by.name || (by.via === 'collab' ? 'Guest' : '');
  const label = [name, VIA[by.via] ?? by.via].filter((part) => part !== '').join(', ');
  return label.charAt(0).toUpperCase() + label.slice(1);
}
