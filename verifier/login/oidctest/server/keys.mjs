// Signing keys, never the same for two providers.
import { createPrivateKey, generateKeyPair, sign as signature } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);
const makers = {
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
};

// An RSA key takes a tenth of a second, so one is always made ahead.
let spare = makers.RS256();

async function pair(alg) {
  if (alg !== 'RS256') return makers[alg]();
  const taken = spare;
  spare = makers.RS256();
  return taken;
}

// newKeys makes one private JWK for each algorithm; the key IDs carry the generation.
export async function newKeys(algs, generation) {
  return Promise.all([...algs].map(async (alg) => {
    const { privateKey } = await pair(alg);
    return { ...privateKey.export({ format: 'jwk' }), kid: `${alg}-${generation}`, alg, use: 'sig' };
  }));
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// sign makes a JWS over whatever it is given, for tests of tokens that no provider would make. The header's `alg` is taken as it is.
export function sign(jwk, header, claims) {
  const input = `${encode({ alg: jwk.alg, kid: jwk.kid, ...header })}.${encode(claims)}`;
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  return `${input}.${signature('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
