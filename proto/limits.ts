/** Longest message that a proxy takes. Only a snapshot comes near, which has all routes of a session. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
