import assert from 'node:assert/strict';
import { assertRides, clientRuns, createBoth, serve, serverRuns, thereAndBack } from './harness.js';

/** Longer than both moves take. */
const PGBENCH_SECONDS = 45;

describe('databases', () => {
  it('PostgreSQL under pgbench: no transaction fails, and its books balance', async () => {
    const address = await createBoth();
    await serverRuns(`
      version=$(ls /usr/lib/postgresql)
      pg_createcluster "$version" main >/dev/null
      cd "/etc/postgresql/$version/main"
      printf "listen_addresses = '*'\\n" >> postgresql.conf
      printf 'local all all trust\\nhost all all 10.100.0.0/16 trust\\n' > pg_hba.conf
      pg_ctlcluster "$version" main start
      su postgres -c 'createdb bench && pgbench --initialize --quiet --scale 2 bench' 2>/dev/null >/dev/null`);
    const options = `--host ${address} --username postgres --client 4 --jobs 2 --time ${PGBENCH_SECONDS} --progress 5`;
    const bench = clientRuns(`pgbench ${options} --max-tries 1 bench 2>&1`);
    bench.catch(() => undefined);
    await thereAndBack();
    const said = await bench;
    assert.match(said, /number of failed transactions: 0 /);
    assert.doesNotMatch(said, /aborted|connection|FATAL|ERROR/);
    const books = `SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
      (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history), (SELECT count(*) FROM pgbench_history)`;
    const look = `su postgres -c 'psql --no-align --tuples-only bench' <<'SQL'\n${books}\nSQL`;
    const [accounts, branches, tellers, history, count] = (await serverRuns(look)).trim().split('|');
    assert.deepEqual([branches, tellers, history], [accounts, accounts, accounts]);
    assert.equal(/transactions actually processed: (\d+)/.exec(said)?.[1], count);
    // And what is on its disk is whole: it ends, and starts, without a repair.
    await serverRuns('v=$(ls /usr/lib/postgresql); pg_ctlcluster $v main restart');
    assert.equal((await serverRuns(look)).trim().split('|')[4], count);
  });

  it('MariaDB with transactions of four clients', async () => {
    const address = await createBoth();
    await serverRuns(
      'mkdir -p /run/mysqld && chown mysql /run/mysqld && mariadb-install-db --user=mysql >/dev/null 2>&1',
    );
    const command = 'mariadbd --user=mysql --bind-address=0.0.0.0 --skip-name-resolve';
    await serve('mariadb', command, 'mariadb-admin ping');
    await serverRuns(`mariadb <<'SQL'
      CREATE DATABASE bench; CREATE USER 'rider'@'%' IDENTIFIED BY 'secret'; GRANT ALL ON bench.* TO 'rider'@'%'; USE bench;
      CREATE TABLE account (id INT PRIMARY KEY, balance INT) ENGINE=InnoDB; CREATE TABLE done (client INT, turn INT, KEY (client)) ENGINE=InnoDB;
      INSERT INTO account VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0);
SQL`);
    const { ops } = await assertRides('mariadb-clients.py', address);
    const count = Object.values(ops).reduce((sum, one) => sum + one, 0);
    const look = `mariadb --batch --skip-column-names bench -e 'SELECT SUM(balance) FROM account; SELECT balance FROM account WHERE id = 0; SELECT COUNT(*) FROM done; CHECK TABLE account, done'`;
    const EXPECTED = ['0', String(count), String(count)];
    const rows = (await serverRuns(look)).trim().split('\n');
    assert.deepEqual(rows.slice(0, 3), EXPECTED);
    assert.deepEqual(
      rows.slice(3).map((row) => row.split('\t').at(-1)),
      ['OK', 'OK'],
    );
    await serverRuns('mariadb-admin shutdown');
    await serve('mariadb', command, 'mariadb-admin ping');
    assert.deepEqual((await serverRuns(look)).trim().split('\n').slice(0, 3), EXPECTED);
  });
});
