import assert from 'node:assert/strict';
import { baseRules, letIn, setContent } from '../../../src/overlay/rules.js';

/** The lines of one chain, as they are set last. */
function chain(rules: string, name: string): string[] {
  const [, body = ''] = new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n  \\}`).exec(rules) ?? [];
  return body.split('\n').map((line) => line.trim());
}

describe('the packet filter', () => {
  const encrypted = baseRules({ network: '10.100.0.0/16', encrypted: true });
  const plain = baseRules({ network: '10.100.0.0/16', encrypted: false });

  it('lets a cnvm speak from its own address alone', () => {
    for (const rules of [encrypted, plain])
      assert.ok(chain(rules, 'before').includes('iifgroup 199 fib saddr . iif oif missing drop'));
  });

  it('lets a cnvm ask a node for names, and drops what else it wants of it', () => {
    for (const rules of [encrypted, plain]) {
      assert.equal(chain(rules, 'asking').at(-1), 'drop');
      const input = chain(rules, 'input');
      assert.ok(input.includes('iifgroup 199 jump asking'));
      assert.ok(input.includes('ip saddr 10.100.0.0/16 ip saddr != 10.100.0.0/24 jump asking'));
      assert.ok(chain(rules, 'forward').includes('iifgroup 199 ip daddr @hosts drop'));
    }
  });

  it('takes packets of the overlay from the tunnel alone, where there is one', () => {
    const fence = /ip saddr 10\.100\.0\.0\/16 iifname != \{ "lo", "wgcnvm", "fwcnvm" \} iifgroup != 199 drop/;
    assert.match(encrypted, fence);
    assert.doesNotMatch(plain, fence);
  });

  it('keeps what a frozen cnvm is to be kept from before it looks at anything else', () => {
    for (const name of ['input', 'forward', 'output']) assert.equal(chain(encrypted, name)[0], 'jump closing');
  });

  it('gives those that come their whole time, also when they come again', () => {
    const [add = '', remove = '', again = ''] = letIn(['10.100.1.1', '10.100.1.2']).split('\n');
    assert.match(add, /^add element inet cnvm arrived \{ 10\.100\.1\.1, 10\.100\.1\.2 \}$/);
    assert.match(remove, /^delete /);
    assert.equal(again, add);
    assert.equal(setContent('hosts', []), 'flush set inet cnvm hosts\n');
  });
});
