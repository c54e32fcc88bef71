// The reads of the same API, in the usual way of Express and the Node.js driver.
'use strict';

const { readFileSync } = require('node:fs');
const { Client, types } = require('cassandra-driver');
const express = require('express');

const { KEYSPACES_CA_FILE, KEYSPACES_ENDPOINT, KEYSPACES_KEYSPACE, KEYSPACES_TABLE_COUNTRIES, PORT } = process.env;
const [host, port] = KEYSPACES_ENDPOINT.split(':');
const cassandra = new Client({
  contactPoints: [host],
  localDataCenter: 'datacenter1',
  protocolOptions: { port: Number(port) },
  sslOptions: { ca: [readFileSync(KEYSPACES_CA_FILE)], host, servername: host, rejectUnauthorized: true },
  queryOptions: { prepare: true, consistency: types.consistencies.localQuorum },
});
const columns = 'area, capital, id, name, population';
const all = `SELECT ${columns} FROM ${KEYSPACES_KEYSPACE}.${KEYSPACES_TABLE_COUNTRIES}`;

const app = express().disable('x-powered-by');
app.get('/ping', (_, response) => response.type('text').send('pong\n'));
app.get('/countries', async (_, response) => {
  response.json((await cassandra.execute(all, [], { fetchSize: 100 })).rows);
});
app.get('/countries/:id', async (request, response) => {
  const { rows } = await cassandra.execute(`${all} WHERE id = ?`, [request.params.id]);
  if (rows.length === 0) response.status(404).json({ title: 'Not Found', status: 404 });
  else response.json(rows[0]);
});

cassandra.connect().then(() => app.listen(Number(PORT), '127.0.0.1'));
