// ccxt's functions for Upbit's quotations by REST, told nothing but the address.
import assert from 'node:assert/strict';

import ccxt from 'ccxt';

const server = process.argv[2].replace('ws', 'http');
const upbit = new ccxt.upbit({ enableRateLimit: false });
upbit.urls.api = { public: server, private: server };

const deadline = setTimeout(() => assert.fail('no answer in time'), 50_000);
const markets = await upbit.loadMarkets();
assert.ok('BTC/KRW' in markets && 'ETH/BTC' in markets, Object.keys(markets).join());

// A market has a ticker from its first trade on.
while (Object.keys(await upbit.fetchTickers()).length < Object.keys(markets).length) {
  await new Promise((resume) => setTimeout(resume, 100));
}
const ticker = await upbit.fetchTicker('BTC/KRW');
assert.ok(ticker.low <= ticker.last && ticker.last <= ticker.high, JSON.stringify(ticker));
const tickers = await upbit.fetchTickers(['BTC/KRW', 'ETH/KRW']);
assert.deepEqual(Object.keys(tickers).sort(), ['BTC/KRW', 'ETH/KRW']);

const book = await upbit.fetchOrderBook('BTC/KRW', 5);
assert.ok(book.bids[0][0] < book.asks[0][0], JSON.stringify(book));

const trades = await upbit.fetchTrades('BTC/KRW', undefined, 20);
assert.ok(trades.length > 0 && trades[0].timestamp <= trades.at(-1).timestamp, JSON.stringify(trades));
assert.match(trades[0].side, /^(buy|sell)$/);

const [opened, open, high, low, close] = (await upbit.fetchOHLCV('BTC/KRW', '1m')).at(-1);
assert.equal(opened % 60_000, 0);
assert.ok(low <= open && open <= high && low <= close && close <= high);

await assert.rejects(upbit.publicGetTicker({ markets: 'KRW-NO' }), ccxt.ExchangeError);
// Its table of exact texts makes this of the answer.
await assert.rejects(upbit.publicGetTicker({}), ccxt.BadRequest);
clearTimeout(deadline);
