/** Attacks of docs/attacks.md without a test against the running proxy yet, each with the reason. */
export const PENDING: Readonly<Record<string, string>> = {
  'A-41': 'no database protocols yet',
  'A-42': 'no database protocols yet',
  'A-43': 'no database protocols yet',
  'A-44': 'no database protocols yet',
  'A-45': 'no database protocols yet',
  'A-46': 'no Redis or MongoDB yet',
  'A-47': 'no approvals yet',
  'A-49': 'no approvals yet',
  'A-56': 'no plugins',
};
