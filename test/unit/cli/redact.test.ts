import assert from 'node:assert/strict';
import { redactJson, redactText } from '../../../src/cli/redact.js';

const PLANTED = 'Pl4nt3dS3cr3t';

describe('text that goes to somebody else', () => {
  it('has no secret in it, however it is written', () => {
    for (const text of [
      `password: ${PLANTED}`,
      `DB_PASSWORD=${PLANTED}`,
      `"api_key": "${PLANTED}"`,
      `{"token":"${PLANTED} with blanks","x":1}`,
      `--password ${PLANTED}`,
      `Authorization: Bearer ${PLANTED}`,
      `authorization: Basic ${PLANTED}==`,
      `docker://user:${PLANTED}@registry.example.org/x`,
      `cnvm-join-${PLANTED}`,
      `-----BEGIN PRIVATE KEY-----\n${PLANTED}\n-----END PRIVATE KEY-----`,
      `"key":"-----BEGIN EC PRIVATE KEY-----\\n${PLANTED}\\n-----END EC PRIVATE KEY-----\\n"`,
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${PLANTED}`,
      `private_key = ${PLANTED}`,
    ])
      assert.doesNotMatch(redactText(text), new RegExp(PLANTED), text);
  });

  it('keeps all else', () => {
    const text = 'node1 is up, 10.100.0.1, sha256:abcdef, /etc/cnvm/pki/node.key\nkey: value';
    assert.equal(redactText(text), text);
    assert.equal(redactText('password: x\nnext: line'), 'password: [removed]\nnext: line');
  });

  it('of JSON shows neither what a cnvm runs nor with what, but the names of its variables', () => {
    const record = {
      name: 'web',
      program: { entrypoint: ['/bin/x'], command: ['--key', PLANTED], env: [`A=${PLANTED}`, 'B=2'] },
      nested: [{ secret: PLANTED, count: 3, words: `password=${PLANTED}` }],
    };
    const redacted = redactJson(record);
    assert.doesNotMatch(JSON.stringify(redacted), new RegExp(PLANTED));
    assert.deepEqual(redacted, {
      name: 'web',
      program: { entrypoint: ['[removed]'], command: ['[removed]', '[removed]'], env: ['A=[removed]', 'B=[removed]'] },
      nested: [{ secret: '[removed]', count: 3, words: 'password=[removed]' }],
    });
  });
});
