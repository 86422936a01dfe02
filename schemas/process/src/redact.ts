/** What stands for a secret in a log. */
const CENSOR = '[redacted]';

/** Names of fields whose values are secrets, at any depth. Words are compared without case and without separators. */
const SECRET_NAMES = [
  ...['password', 'passwd', 'secret', 'token', 'authorization', 'cookie', 'credential', 'grant', 'seed'],
  ...['apikey', 'accesskey', 'privatekey', 'signingkey', 'tlskey', 'nkey', 'jwt', 'passphrase'],
];
/** Names that contain such a word and hold no secret. */
const HARMLESS = /^(tokenRevoked|tokenKind|tokens|totalTokens|.*Id|.*Hint|.*Kind)$/i;

/** Names that a secret has in a URL, a form or an assignment. */
const ASSIGNED =
  'access_token|refresh_token|id_token|token|api_key|apikey|key|password|passwd|pwd|secret|client_secret|login|share|code|signature|sig|auth|credential|seed|grant|jwt';

/** How names end that a secret has in JSON, in YAML, in headers and on command lines. */
const NAMED =
  'password|passwd|pwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|signing[-_]?key|credentials?';
/** A value: in quotes, which JSON inside of JSON escapes, or up to the next space or separator. */
const VALUE = String.raw`(?:(\\+)"(?:(?!(?<!\\)\2").)*|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&"'<>{}[\]\\]+)`;

const PATTERNS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Our keys and tokens: the beginning names the kind and tells which one it is.
  [/\b(pz[a-z]_[0-9A-Za-z]{4})[0-9A-Za-z_-]{8,}/g, `$1${CENSOR}`],
  // Seeds of nkeys.
  [/\bS[UAOCNX][A-Z2-7]{50,}\b/g, CENSOR],
  // JWTs: share links, grants, logins at nats-server.
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, CENSOR],
  // The owner's own token of a machine, and the token of a page.
  [/\b(local|page)\.[\w-]{20,}/g, `$1.${CENSOR}`],
  // The cookies of a browser.
  [/\b(pizzapi(?:-\w{1,20})?)=[\w.-]{16,}/g, `$1=${CENSOR}`],
  // Keys of model providers and of others that begin with a known word.
  [/\b(sk|rk|pk|ghp|gho|ghs|glpat|xox[abprs]|AIza|AKIA|hf)[-_]?[\w-]{16,}/g, `$1-${CENSOR}`],
  [/\b(Bearer|Basic|Digest|Negotiate)\s+[\w.~+/=-]{6,}/gi, `$1 ${CENSOR}`],
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}(?:key|token|secret))(["']?\s*[:=]\s*["']?)[^"'\r\n]+/gi,
    `$1$2${CENSOR}`,
  ],
  // The user and the password of an address.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"'<>]+@/gi, `$1${CENSOR}@`],
  [new RegExp(`([?&#;]|\\b)(${ASSIGNED})=[^\\s&#;"'<>]+`, 'gi'), `$1$2=${CENSOR}`],
  // `"name": "value"`, `name: value`.
  [new RegExp(String.raw`(\\*["']?\b[\w.-]{0,60}(?:${NAMED})\\*["']?\s*:\s*)${VALUE}`, 'gi'), `$1${CENSOR}`],
  // `--name value`.
  [new RegExp(String.raw`((?<![\w-])--?[\w-]{0,60}(?:${NAMED})(?:\s+|=))${VALUE}`, 'gi'), `$1${CENSOR}`],
  [/\b(\w{0,60}(?:KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|HEADERS))=[^\s"']+/g, `$1=${CENSOR}`],
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g, `-----BEGIN $1----- ${CENSOR}`],
];

/** Returns a text without the secrets in it. */
export function redactText(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}

function isSecretName(name: string): boolean {
  if (HARMLESS.test(name)) return false;
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return SECRET_NAMES.some((word) => plain.includes(word));
}

/** Returns a value of JSON without the secrets in it: the values of fields with a secret's name, and texts in all others. */
export function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]: [string, unknown]) => {
      // A number, such as a count of tokens, is no secret.
      const isHidden = isSecretName(name) && field !== null && ['string', 'object'].includes(typeof field);
      return [name, isHidden ? CENSOR : redactValue(field)];
    }),
  );
}

/** Returns a line of a log without the secrets in it. */
export function redactLine(line: string): string {
  try {
    return `${JSON.stringify(redactValue(JSON.parse(line)))}\n`;
  } catch {
    return redactText(line);
  }
}
