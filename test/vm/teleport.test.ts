import { ride } from '../host/ride.js';

describe('a teleport between whole machines', () => {
  it('there and back, with an ssh session and a stream', async () => {
    await ride(['node1', 'node2', 'node1'], 'node2');
  });
});
