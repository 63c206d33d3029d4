// A client of Upbit's public socket, with npm's `ws`.

import assert from 'node:assert/strict'
import { Client, step } from './client.mjs'

const PATH = '/websocket/v1'
const TYPES = ['ticker', 'trade', 'orderbook']
const CODES = ['KRW-BTC', 'KRW-ETH']
const STREAMS = TYPES.length * CODES.length

const request = format =>
  JSON.stringify([{ ticket: 'test' }, ...TYPES.map(type => ({ type, codes: CODES })), { format }])

step('long keys, until every stream has a newest value')
{
  const client = await Client.open(PATH)
  client.send(request('DEFAULT'))
  const counts = new Map()
  while (counts.size < STREAMS || Math.min(...counts.values()) < 2) {
    const { type, code, stream_type: kind, ty } = await client.json()
    assert.equal(ty, undefined)
    assert.match(kind, /^(SNAPSHOT|REALTIME)$/)
    counts.set(`${type} ${code}`, (counts.get(`${type} ${code}`) ?? 0) + 1)
  }
  await client.close()
}

step('short keys: of every stream one snapshot, then what happens')
{
  const client = await Client.open(PATH)
  client.send(request('SIMPLE'))
  const kinds = new Map()
  while (kinds.size < STREAMS || ![...kinds.values()].every(list => list.includes('REALTIME'))) {
    const message = await client.json()
    for (const key of ['type', 'code', 'stream_type', 'timestamp']) assert.ok(!(key in message), key)
    assert.ok(TYPES.includes(message.ty) && CODES.includes(message.cd), `${message.ty} ${message.cd}`)
    assert.ok(Number.isInteger(message.tms))
    const stream = `${message.ty} ${message.cd}`
    kinds.set(stream, [...(kinds.get(stream) ?? []), message.st])
  }
  for (const [stream, [first, ...rest]] of kinds) {
    assert.equal(first, 'SNAPSHOT', stream)
    assert.ok(rest.every(kind => kind === 'REALTIME'), stream)
  }
  await client.close()
}

step('a snapshot and nothing else, and one pair of levels')
{
  const client = await Client.open(PATH)
  const wish = { type: 'orderbook', codes: ['KRW-BTC.1'], is_only_snapshot: true }
  client.send(JSON.stringify([{ ticket: 'test' }, wish, { format: 'SIMPLE' }]))
  const message = await client.json()
  assert.deepEqual([message.ty, message.st, message.obu.length], ['orderbook', 'SNAPSHOT', 1])
  client.send('PING')
  assert.equal(await client.text(), '{"status":"UP"}', 'nothing came in between')
  await client.close()
}

step('what is no request is answered by name, then the connection ends')
{
  const client = await Client.open(PATH)
  client.send('hello')
  const { error } = await client.json()
  assert.equal(error.name, 'WRONG_FORMAT')
  assert.equal(typeof error.message, 'string')
  assert.equal((await client.closed).code, 1000)
}

step('PING as text')
{
  const client = await Client.open(PATH)
  client.send('PING')
  assert.equal(await client.text(), '{"status":"UP"}')
  await client.close()
}
