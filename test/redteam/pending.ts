/** Attack classes without a test against the running proxy yet, each with the reason. */
export const PENDING: Readonly<Record<string, string>> = {
  'A-24': 'policy does not read bodies yet',
  'A-25': 'policy does not read bodies yet',
  'A-29': 'transparent mode is not there yet',
  'A-30': 'the caller is checked by token alone (A-34); uid and namespace come with transparent mode',
  'A-32': 'identity is made in attestation, by the control plane; its tests are test/unit/control-plane/attestation',
  'A-36': 'concerns how the proxy process is started, by `sidekey run` and the deployment',
  'A-41': 'no database protocols yet',
  'A-42': 'no database protocols yet',
  'A-43': 'no database protocols yet',
  'A-44': 'no database protocols yet',
  'A-45': 'no database protocols yet',
  'A-46': 'no Redis or MongoDB yet',
  'A-47': 'no approvals yet',
  'A-48': "minting is the control plane's; no approvals come after it yet",
  'A-49': 'no approvals yet',
  'A-56': 'no plugins',
  'A-57': 'no MCP or A2A yet',
  'A-60': 'no SigV4 yet; presigned query parameters are removed (A-16)',
  'A-67': 'no answer-shape rules yet',
  'A-68': "the session is bound to the proxy's key, in the control plane; no restore of a snapshot is detected yet",
};

/** Every class there is, of which A-52 was never given. */
export const CLASSES: readonly string[] = Array.from(
  { length: 68 },
  (_, at) => `A-${String(at + 1).padStart(2, '0')}`,
).filter((id) => id !== 'A-52');
