// Runs the operations of AWS's samples with the Node.js driver.
// Usage: client.js SIGN_IN KEYSPACE, with SIGN_IN sigv4 or password.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const cassandra = require("cassandra-driver");
const { SigV4AuthProvider } = require("aws-sigv4-auth-cassandra-plugin");

const [signIn, keyspace] = process.argv.slice(2);
const { KEYSPACES_HOST: host, KEYSPACES_PORT: port, AWS_REGION: region } = process.env;
const [orders, profiles] = [`${keyspace}.orders`, `${keyspace}.profiles`];
const { consistencies, Long } = cassandra.types;

const client = new cassandra.Client({
  contactPoints: [`${host}:${port}`],
  localDataCenter: region,
  authProvider:
    signIn === "sigv4"
      ? new SigV4AuthProvider({ region })
      : new cassandra.auth.PlainTextAuthProvider(process.env.KEYSPACES_USER_NAME, process.env.KEYSPACES_PASSWORD),
  sslOptions: { ca: [fs.readFileSync(process.env.KEYSPACES_CA_FILE)], host, servername: host, rejectUnauthorized: true },
  protocolOptions: { port: Number(port) },
  socketOptions: { connectTimeout: 60000, readTimeout: 60000 },
  queryOptions: { consistency: consistencies.localQuorum, prepare: true },
});

const run = (query, parameters, options) => client.execute(query, parameters, options);
// Keyspaces prepares neither DDL nor the update of the partitioner.
const define = (query) => client.execute(query, [], { prepare: false });

async function wait(condition) {
  const deadline = Date.now() + 60000;
  while (!(await condition())) {
    assert(Date.now() < deadline, "not done after 60 seconds");
    await sleep(100);
  }
}

async function status(kind, name) {
  const column = { tables: "table_name", types: "type_name" }[kind];
  const query = `SELECT status FROM system_schema_mcs.${kind} WHERE keyspace_name = ? AND ${column} = ?`;
  return (await run(query, [keyspace, name])).first()?.status;
}

const isActive = async (kind, name) => (await status(kind, name)) === "ACTIVE";

async function isThere() {
  const query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
  return (await run(query, [keyspace])).rowLength > 0;
}

const steps = {
  "system tables": async () => {
    assert.equal((await run("SELECT * FROM system.local")).first().data_center, region);
    assert((await run("SELECT * FROM system.peers")).rowLength > 0);
    assert((await run("SELECT * FROM system_schema.keyspaces")).rowLength > 0);
    assert((await run("SELECT * FROM system_schema_mcs.tables")).rows);
  },
  "partitioner": async () => {
    const murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner";
    await define(`UPDATE system.local SET partitioner = '${murmur3}' WHERE key = 'local'`);
    await wait(async () => (await run("SELECT partitioner FROM system.local")).first().partitioner === murmur3);
  },
  "keyspace": async () => {
    await define(
      `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = {'class': 'SingleRegionStrategy'}
       AND TAGS = {'team': 'shop'}`,
    );
    await wait(isThere);
  },
  "table": async () => {
    await define(
      `CREATE TABLE IF NOT EXISTS ${orders} (customer text, number int, state text, placed timestamp,
       PRIMARY KEY (customer, number)) WITH CLUSTERING ORDER BY (number DESC) AND custom_properties = {
       'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'},
       'point_in_time_recovery': {'status': 'enabled'},
       'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'},
       'ttl': {'status': 'enabled'}}`,
    );
    await wait(() => isActive("tables", "orders"));
  },
  "custom properties": async () => {
    const query =
      "SELECT custom_properties FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'orders'";
    const properties = (await run(query, [keyspace])).first().custom_properties;
    assert.equal(properties.capacity_mode.throughput_mode, "PAY_PER_REQUEST");
    assert.equal(properties.point_in_time_recovery.status, "enabled");
  },
  "prepared write": async () => {
    const insert = `INSERT INTO ${orders} (customer, number, state, placed) VALUES (?, ?, ?, toTimestamp(now()))`;
    await Promise.all(Array.from({ length: 25 }, (_, number) => run(insert, ["ada", number, "new"])));
  },
  "prepared read": async () => {
    const select = `SELECT number, state, placed FROM ${orders} WHERE customer = ? AND number <= ?`;
    const { rows } = await run(select, ["ada", 2]);
    assert.deepEqual(rows.map((row) => [row.number, row.state]), [[2, "new"], [1, "new"], [0, "new"]]);
    assert(rows.every((row) => row.placed instanceof Date));
  },
  "pages": async () => {
    let found = 0, count = 0, pageState;
    do {
      const page = await run(`SELECT * FROM ${orders}`, [], { fetchSize: 10, pageState });
      [found, count, pageState] = [found + page.rowLength, count + 1, page.pageState];
    } while (pageState);
    assert.equal(found, 25);
    assert(count >= 3);
  },
  "token range": async () => {
    const select = `SELECT customer FROM ${orders} WHERE token(customer) >= ? AND token(customer) < ? LIMIT ?`;
    const parameters = [Long.MIN_VALUE, Long.MAX_VALUE, 3];
    assert.equal((await run(select, parameters, { consistency: consistencies.localOne })).rowLength, 3);
  },
  "filters": async () => {
    const some = await run(`SELECT number FROM ${orders} WHERE customer = ? AND number IN (?, ?)`, ["ada", 2, 7]);
    assert.deepEqual(some.rows.map((row) => row.number).sort(), [2, 7]);
    const select = `SELECT number FROM ${orders} WHERE state = ? ALLOW FILTERING`;
    assert.equal((await run(select, ["new"])).rowLength, 25);
    assert.equal((await run(select, ["paid"])).rowLength, 0);
  },
  "unlogged batch": async () => {
    const query = `INSERT INTO ${orders} (customer, number, state) VALUES (?, ?, ?)`;
    const queries = Array.from({ length: 30 }, (_, number) => ({ query, params: ["bob", number, "new"] }));
    await client.batch(queries, { prepare: true, logged: false });
    assert.equal((await run(`SELECT number FROM ${orders} WHERE customer = 'bob'`)).rowLength, 30);
  },
  "user-defined type": async () => {
    await define(`CREATE TYPE ${keyspace}.address (street text, city text)`);
    await wait(() => isActive("types", "address"));
    await define(`CREATE TABLE ${keyspace}.customers (name text PRIMARY KEY, home frozen<address>)`);
    await wait(() => isActive("tables", "customers"));
    const home = { street: "1 Main St", city: "London" };
    await run(`INSERT INTO ${keyspace}.customers (name, home) VALUES (?, ?)`, ["ada", home]);
    const row = (await run(`SELECT home FROM ${keyspace}.customers WHERE name = 'ada'`)).first();
    assert.deepEqual({ ...row.home }, home);
  },
  "nested types": async () => {
    await define(`CREATE TYPE ${keyspace}.contact (home frozen<address>, emails list<text>, stars map<text, int>)`);
    await wait(() => isActive("types", "contact"));
    await define(
      `CREATE TABLE ${profiles} (name text PRIMARY KEY, contact frozen<contact>, photo blob)
       WITH default_time_to_live = 3600`,
    );
    await wait(() => isActive("tables", "profiles"));
    const [home, emails, stars] = [{ street: "1 Main St", city: "London" }, ["ada@example.com"], { shop: 5 }];
    await run(`INSERT INTO ${profiles} (name, contact) VALUES (?, ?)`, ["ada", { home, emails, stars }]);
    const query = `SELECT contact.home AS home, contact.emails AS emails, contact.stars AS stars FROM ${profiles}`;
    const row = (await run(query)).first();
    assert.deepEqual([{ ...row.home }, row.emails, row.stars], [home, emails, stars]);
  },
  "blob": async () => {
    const photo = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await run(`UPDATE ${profiles} SET photo = ? WHERE name = ?`, [photo, "ada"]);
    assert.deepEqual((await run(`SELECT photo FROM ${profiles} WHERE name = 'ada'`)).first().photo, photo);
  },
  "default TTL": async () => {
    const query =
      "SELECT default_time_to_live FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'profiles'";
    assert.equal((await run(query, [keyspace])).first().default_time_to_live, 3600);
    const row = (await run(`SELECT TTL(photo) AS seconds FROM ${profiles} WHERE name = 'ada'`)).first();
    assert(row.seconds > 0 && row.seconds <= 3600);
  },
  "TTL": async () => {
    await run(`INSERT INTO ${orders} (customer, number, state) VALUES (?, ?, ?) USING TTL ?`, ["eve", 1, "new", 3600]);
    const row = (await run(`SELECT TTL(state) AS seconds FROM ${orders} WHERE customer = 'eve'`)).first();
    assert(row.seconds > 0 && row.seconds <= 3600);
  },
  "conditional write": async () => {
    const insert = `INSERT INTO ${orders} (customer, number, state) VALUES (?, ?, ?) IF NOT EXISTS`;
    assert((await run(insert, ["joe", 1, "new"])).wasApplied());
    assert(!(await run(insert, ["joe", 1, "new"])).wasApplied());
    const update = `UPDATE ${orders} USING TTL ? SET state = ? WHERE customer = ? AND number = ? IF state = ?`;
    assert((await run(update, [3600, "paid", "joe", 1, "new"])).wasApplied());
    assert(!(await run(update, [3600, "paid", "joe", 1, "new"])).wasApplied());
  },
  "alter": async () => {
    await define(`ALTER TABLE ${orders} ADD note text`);
    await wait(() => isActive("tables", "orders"));
    await run(`UPDATE ${orders} SET note = 'gift' WHERE customer = 'ada' AND number = 1`);
  },
  "delete": async () => {
    await run(`DELETE FROM ${orders} WHERE customer = ? AND number = ?`, ["ada", 1]);
    assert.equal((await run(`SELECT * FROM ${orders} WHERE customer = 'ada' AND number = 1`)).rowLength, 0);
  },
  "drop": async () => {
    for (const name of ["orders", "customers", "profiles"]) {
      await define(`DROP TABLE IF EXISTS ${keyspace}.${name}`);
      await wait(async () => (await status("tables", name)) === undefined);
    }
    for (const name of ["contact", "address"]) {
      await define(`DROP TYPE ${keyspace}.${name}`);
      await wait(async () => (await status("types", name)) === undefined);
    }
    await define(`DROP KEYSPACE ${keyspace}`);
    await wait(async () => !(await isThere()));
  },
};

async function main() {
  await client.connect();
  for (const [name, work] of Object.entries(steps)) {
    try {
      await work();
      console.log(`${name}: ok`);
    } catch (error) {
      process.exitCode = 1;
      console.error(error);
      console.log(`${name}: failed: ${error.message.split("\n")[0]}`);
    }
  }
  await client.shutdown();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
