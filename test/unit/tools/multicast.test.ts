import assert from 'node:assert/strict';
import { groupsOf, groupsOfV4, groupsOfV6 } from '../../../src/tools/multicast.js';

describe('multicast groups that a network listens to', () => {
  it('of IPv4, in either order of bytes, and not what the kernel joins by itself', () => {
    const head = 'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n';
    const text = (group: string, all: string) =>
      `${head}1\tlo        :     1      V3\n\t\t\t\t${all}     1 0:00000000\t\t0\n` +
      `4\teth0.7    :     2      V3\n\t\t\t\t${group}     1 0:00000000\t\t0\n\t\t\t\t${all}     1 0:00000000\t\t0\n`;
    const expected = [{ address: '239.1.2.3', device: 'eth0.7' }];
    assert.deepEqual(groupsOfV4(text('030201EF', '010000E0'), true), expected);
    assert.deepEqual(groupsOfV4(text('EF010203', 'E0000001'), false), expected);
  });

  it('of IPv6, and not what the kernel joins by itself', () => {
    const own = [
      'ff020000000000000000000000000001',
      'ff010000000000000000000000000001',
      'ff050000000000000000000000000002',
      'ff02000000000000000000000000006a',
      'ff0200000000000000000001ff0a0b0c',
    ];
    const joined = ['ff0200000000000000000000000000fb', 'ff150000000000000000000000000001'];
    const text = [...own, ...joined].map((group) => `4    eth0            ${group}     1 00000004 0\n`).join('');
    assert.deepEqual(
      groupsOfV6(text).map(({ address }) => address),
      ['ff02::fb', 'ff15::1'],
    );
  });

  it('of a process that has ended are none', () => {
    assert.deepEqual(groupsOf(2 ** 22 + 1), []);
  });
});
