import assert from 'node:assert/strict';
import { assertRides, createBoth, serve, serverRuns, type Verdict } from './harness.js';

const POSTGRES = '/usr/lib/postgresql/*/bin';
const POSTGRES_DATA = '/var/lib/postgresql/bench';
/** Both sides of its books: what accounts, branches and tellers hold, and what was added by the history. */
const BOOKS = `SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
  (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history), (SELECT count(*) FROM pgbench_history)`;

const asPostgres = (command: string, input = ''): Promise<string> =>
  serverRuns(`cd /; runuser -u postgres -- ${command} 2>&1`, undefined, input);

async function assertBalanced(transactions: number | undefined): Promise<void> {
  const look = 'psql --no-align --tuples-only --quiet bench';
  const [accounts, branches, tellers, history, count] = (await asPostgres(look, BOOKS)).trim().split('|');
  assert.deepEqual([branches, tellers, history], [accounts, accounts, accounts]);
  assert.equal(Number(count), transactions);
  assert.equal(await asPostgres(`${POSTGRES}/pg_amcheck --heapallindexed bench`), '');
}

async function startPostgres(): Promise<void> {
  const command = `runuser -u postgres -- ${POSTGRES}/postgres -D ${POSTGRES_DATA} -h 0.0.0.0`;
  await serve('postgresql', command, 'pg_isready');
}

async function preparePostgres(): Promise<void> {
  await serverRuns('install -d -o postgres /run/postgresql');
  await asPostgres(`${POSTGRES}/initdb --auth=trust ${POSTGRES_DATA}`);
  await serverRuns(`echo 'host all all 10.100.0.0/16 trust' >> ${POSTGRES_DATA}/pg_hba.conf`);
  await startPostgres();
  await asPostgres('createdb bench');
  await asPostgres('psql --quiet bench', 'CREATE EXTENSION amcheck');
  await asPostgres('pgbench --initialize --quiet --scale 2 bench');
}

const startMaria = (): Promise<void> =>
  serve('mariadb', 'mariadbd --user=mysql --bind-address=0.0.0.0 --skip-name-resolve', 'mariadb-admin ping');

async function prepareMaria(): Promise<void> {
  await serverRuns('install -d -o mysql /run/mysqld; mariadb-install-db --user=mysql >/dev/null 2>&1');
  await startMaria();
  await serverRuns(
    'mariadb',
    undefined,
    `CREATE DATABASE bench; CREATE USER 'rider'@'%' IDENTIFIED BY 'secret'; GRANT ALL ON bench.* TO 'rider'@'%'; USE bench;
     CREATE TABLE account (id INT PRIMARY KEY, balance INT) ENGINE=InnoDB;
     CREATE TABLE done (client INT, turn INT, KEY (client)) ENGINE=InnoDB;
     INSERT INTO account VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0);`,
  );
}

/** Every transaction that was done is there. */
async function assertMariaWhole({ ops }: Verdict): Promise<void> {
  const count = Object.values(ops).reduce((sum, one) => sum + one, 0);
  const look = `SELECT SUM(balance) FROM account; SELECT balance FROM account WHERE id = 0; SELECT COUNT(*) FROM done;
    CHECK TABLE account, done EXTENDED`;
  const rows = (await serverRuns('mariadb --batch --skip-column-names bench', undefined, look)).trim().split('\n');
  assert.deepEqual(
    rows.map((row) => row.split('\t').at(-1)),
    ['0', String(count), String(count), 'OK', 'OK'],
  );
}

describe('databases', () => {
  it('PostgreSQL under pgbench, and MariaDB: no transaction fails, all are there, also after a restart', async () => {
    const address = await createBoth();
    await preparePostgres();
    await prepareMaria();
    const [pgbench, maria] = await assertRides(address, ['pgbench-clients.py'], ['mariadb-clients.py']);
    assert.ok(maria !== undefined);
    await assertBalanced(pgbench.ops['transactions']);
    // As after a crash: what it was told is committed must come back from its log.
    await asPostgres(`${POSTGRES}/pg_ctl stop --mode immediate --pgdata ${POSTGRES_DATA}`);
    await startPostgres();
    const log = await serverRuns('cat /var/log/postgresql.log');
    assert.match(log, /automatic recovery in progress/);
    assert.doesNotMatch(log, /PANIC|invalid page/);
    await assertBalanced(pgbench.ops['transactions']);
    await assertMariaWhole(maria);
    await serverRuns('mariadb-admin shutdown');
    await startMaria();
    await assertMariaWhole(maria);
  });
});
