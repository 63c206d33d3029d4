//! The markets of a synthetic tape: what they are called, how they trade, and the statistics they start from.

use super::book::Shape;
use super::market::Habits;

/// How many assets there are.
pub(super) const ASSETS: usize = 9;

/// What is traded; the number indexes the walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Asset {
    Btc,
    Eth,
    Sol,
    Bnb,
    Xrp,
    Doge,
    Pepe,
    Ada,
    Nexo,
}

/// One market of either venue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listing {
    /// The exchange's spelling.
    pub(super) symbol: &'static str,
    /// What is traded.
    pub(super) base: Asset,
    /// What it is paid with, where that has a walk of its own.
    pub(super) quote: Option<Asset>,
    /// One tick of price in 1e-8 of the quote currency.
    pub(super) tick: i64,
    /// One lot of size in 1e-8 of the base asset.
    pub(super) lot: i64,
    /// The price at home, in ticks.
    pub(super) price: i64,
    /// Deviation of the steps of the market's own premium, in 1e-9.
    pub(super) premium_step: i64,
    /// How it trades.
    pub(super) habits: Habits,
    /// Volume of a whole day, in lots.
    pub(super) day_lots: i64,
    /// Open, high and low of the day so far, in 1/10000 above or below the price at home.
    pub(super) day_range: [i64; 3],
}

/// What a Binance market's counters start from.
#[derive(Clone, Copy, Debug)]
pub(super) struct BinanceListing {
    /// What it has in common with every market.
    pub(super) listing: Listing,
    /// Trades of the last 24 hours.
    pub(super) day_trades: i64,
    /// Order book updates so far: the `lastUpdateId` of the snapshot.
    pub(super) update_id: i64,
    /// The next trade id.
    pub(super) trade_id: i64,
    /// The next aggregate trade id.
    pub(super) agg_id: i64,
}

/// What an Upbit market's statistics start from.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpbitListing {
    /// What it has in common with every market.
    pub(super) listing: Listing,
    /// Highest price of 52 weeks in ticks, and its day.
    pub(super) highest: (i64, &'static str),
    /// Lowest price of 52 weeks in ticks, and its day.
    pub(super) lowest: (i64, &'static str),
    /// Yesterday's close in ticks.
    pub(super) yesterday: i64,
}

/// The size of a price step in a KRW market, in won, by the price in won.
pub(super) const fn krw_tick_e8(won: i64) -> i64 {
    match won {
        2_000_000.. => 1_000 * E8,
        1_000_000.. => 500 * E8,
        500_000.. => 100 * E8,
        100_000.. => 50 * E8,
        10_000.. => 10 * E8,
        1_000.. => E8,
        100.. => E8 / 10,
        10.. => E8 / 100,
        _ => E8 / 1_000,
    }
}

/// The markets on Binance.
pub(super) const BINANCE: [BinanceListing; 9] = [
    binance("BTCUSDT", Asset::Btc, 1_000_000, 1_000, 6_498_731)
        .book(210, 1, 200, 150_000, 9_000)
        .flow(3_500, 42, 460, 130, 220 * 256)
        .day(2_431_877_431, [-84, 131, -127])
        .ids(5_108_342, 61_284_907_115, 6_042_118_530, 3_718_402_266),
    binance("ETHUSDT", Asset::Eth, 1_000_000, 10_000, 194_652)
        .book(210, 1, 52, 250_000, 30_000)
        .flow(2_400, 40, 450, 330, 16 * 256)
        .day(4_106_227_319, [-121, 168, -155])
        .ids(4_231_908, 43_870_211_904, 3_390_771_204, 1_988_120_447),
    binance("SOLUSDT", Asset::Sol, 1_000_000, 100_000, 8_437)
        .book(200, 1, 17, 400_000, 520_000)
        .flow(1_200, 40, 400, 1_300, 165)
        .day(3_190_448_265, [63, 214, -96])
        .ids(1_130_264, 20_417_366_290, 1_604_328_815, 802_911_730),
    binance("BNBUSDT", Asset::Bnb, 1_000_000, 100_000, 61_238)
        .book(200, 1, 56, 3_400, 2_100)
        .flow(640, 40, 380, 55, 8 * 256)
        .day(188_420_117, [22, 105, -71])
        .ids(603_411, 15_902_774_831, 1_212_094_660, 642_708_121),
    binance("XRPUSDT", Asset::Xrp, 10_000, 10_000_000, 13_802)
        .book(200, 1, 18, 92_000, 120_000)
        .flow(960, 42, 380, 620, 180)
        .day(1_204_775_310, [-143, 187, -202])
        .ids(702_588, 14_066_320_557, 1_120_660_034, 590_317_802),
    binance("DOGEUSDT", Asset::Doge, 1_000, 100_000_000, 9_618)
        .book(200, 1, 18, 120_000, 150_000)
        .flow(700, 40, 380, 950, 180)
        .day(905_331_872, [-98, 240, -176])
        .ids(411_306, 12_337_084_215, 960_118_402, 470_228_911),
    binance("PEPEUSDT", Asset::Pepe, 1, 100_000_000, 1_234)
        .book(200, 1, 16, 2_400_000_000, 4_200_000_000)
        .flow(480, 36, 400, 4_100_000, 150)
        .day(4_186_522_730_518, [-210, 365, -320])
        .ids(131_725, 9_418_203_360, 402_775_108, 196_340_255),
    binance("ADAUSDT", Asset::Ada, 10_000, 10_000_000, 2_714)
        .book(200, 1, 16, 610_000, 900_000)
        .flow(400, 36, 380, 1_250, 155)
        .day(953_300_417, [74, 158, -140])
        .ids(203_874, 11_205_934_028, 630_441_207, 322_870_964),
    binance("NEXOUSDT", Asset::Nexo, 100_000, 1_000_000, 862)
        .book(120, 2, 20, 12_000, 45_000)
        .flow(64, 50, 250, 3_200, 600)
        .day(61_340_275, [35, 128, -93])
        .ids(9_482, 402_118_347, 15_204_773, 8_310_265),
];

/// The markets on Upbit: won, bitcoin and dollar markets, one of each of the latter two.
pub(super) const UPBIT: [UpbitListing; 7] = [
    upbit("KRW-BTC", Asset::Btc, None, krw_tick_e8(90_332_000), 90_332)
        .book(46, 3, 40, 6_000_000, 9_000_000)
        .flow(1_000, 62, 330, 90_000, 14 * 256)
        .day(231_845_603_177, [-61, 118, -104])
        .year((163_325, "2025-07-14"), (82_110, "2026-02-06"), 89_784),
    upbit("KRW-ETH", Asset::Eth, None, krw_tick_e8(2_706_000), 2_706)
        .book(46, 1, 17, 210_000_000, 480_000_000)
        .flow(720, 60, 330, 2_300_000, 170)
        .day(4_218_305_771_402, [-87, 140, -133])
        .year((6_841, "2025-08-24"), (2_433, "2026-02-06"), 2_729),
    upbit("KRW-XRP", Asset::Xrp, None, krw_tick_e8(1_918), 1_918)
        .book(46, 1, 16, 3_100_000_000_000, 7_400_000_000_000)
        .flow(950, 64, 330, 16_000_000_000, 170)
        .day(11_305_227_194_330_518, [-109, 172, -161])
        .year((4_925, "2025-07-18"), (1_702, "2026-02-06"), 1_941),
    upbit("KRW-DOGE", Asset::Doge, None, krw_tick_e8(133), 1_337)
        .book(46, 1, 16, 26_000_000_000_000, 52_000_000_000_000)
        .flow(380, 56, 330, 140_000_000_000, 170)
        .day(33_871_402_665_173_290, [-74, 203, -158])
        .year((4_180, "2025-09-13"), (1_192, "2026-02-06"), 1_349),
    upbit("KRW-SOL", Asset::Sol, None, krw_tick_e8(117_250), 2_345)
        .book(46, 1, 17, 3_900_000_000, 8_800_000_000)
        .flow(360, 56, 330, 85_000_000, 170)
        .day(29_310_448_207_115, [47, 175, -88])
        .year((7_012, "2025-09-18"), (1_984, "2026-02-06"), 2_332),
    upbit("BTC-ETH", Asset::Eth, Some(Asset::Btc), 1, 2_995_231)
        .book(29, 700, 3_200, 31_000_000, 96_000_000)
        .flow(40, 50, 300, 2_400_000, 900 * 256)
        .day(3_140_772_518, [-28, 44, -51])
        .year((4_331_870, "2025-08-24"), (1_761_204, "2025-04-22"), 3_001_150),
    upbit("USDT-BTC", Asset::Btc, None, 1_000_000, 6_499_120)
        .book(40, 1_900, 9_600, 1_100_000, 3_400_000)
        .flow(64, 56, 300, 110_000, 2_400 * 256)
        .day(402_771_306, [-80, 126, -119])
        .year((12_624_800, "2025-10-06"), (6_004_210, "2026-02-06"), 6_551_734),
];

const fn binance(symbol: &'static str, base: Asset, tick: i64, lot: i64, price: i64) -> Listing {
    Listing {
        symbol,
        base,
        quote: None,
        tick,
        lot,
        price,
        premium_step: 0,
        habits: RESTING,
        day_lots: 0,
        day_range: [0; 3],
    }
}

const fn upbit(symbol: &'static str, base: Asset, quote: Option<Asset>, tick: i64, price: i64) -> Listing {
    Listing { quote, premium_step: 1_500, ..binance(symbol, base, tick, 1, price) }
}

impl Listing {
    const fn book(mut self, levels: usize, spread: i64, gap16: i64, best_lots: i64, level_lots: i64) -> Self {
        self.habits.shape = Shape {
            levels,
            spread,
            gap16,
            best_lots,
            level_lots,
            // 9 billion whole units where a lot is a unit; fewer than 15 digits where a lot is 1e-8.
            lots_max: if self.lot == 1 { 900_000_000_000_000 } else { 90_000_000_000 },
        };
        self
    }

    const fn flow(
        mut self,
        events_per_minute: u32,
        take_permille: u32,
        touch_permille: u32,
        take_lots: i64,
        slack: i64,
    ) -> Self {
        self.habits = Habits { events_per_minute, take_permille, touch_permille, take_lots, slack, ..self.habits };
        self
    }

    const fn day(mut self, lots: i64, range: [i64; 3]) -> Self {
        self.day_lots = lots;
        self.day_range = range;
        self
    }

    const fn ids(self, day_trades: i64, update_id: i64, trade_id: i64, agg_id: i64) -> BinanceListing {
        BinanceListing { listing: self, day_trades, update_id, trade_id, agg_id }
    }

    const fn year(self, highest: (i64, &'static str), lowest: (i64, &'static str), yesterday: i64) -> UpbitListing {
        UpbitListing { listing: self, highest, lowest, yesterday }
    }
}

/// Habits before a listing names its own.
const RESTING: Habits = Habits {
    shape: Shape { levels: 0, spread: 0, gap16: 16, best_lots: 0, level_lots: 0, lots_max: 0 },
    events_per_minute: 0,
    take_permille: 0,
    touch_permille: 0,
    take_lots: 0,
    slack: 0,
};

const E8: i64 = 100_000_000;
