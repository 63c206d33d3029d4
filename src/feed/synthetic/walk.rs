//! The prices underneath all markets: one random walk per asset, shared by every market of the asset on either venue.
//!
//! A walk is the distance from the starting price in parts per billion. Its steps are part common to all assets, part the asset's
//! own. Now and then something happens: prices are pushed one way for a fraction of a second, and the *heat* rises, which makes
//! steps larger, events more frequent and quotes shyer until it has faded. In the last part of the tape the walk becomes a
//! Brownian bridge: each step is pulled home by its distance over the steps left, so it arrives where it began
//! and still looks like a walk on the way.

use super::catalog::{ASSETS, Asset, Listing};
use super::chance::Chance;

/// Where all prices stand.
pub(super) struct Walk {
    chance: Chance,
    steps_left: i64,
    steps_home: i64,
    /// Heat above calm, in 2^-16, so that it fades smoothly.
    excitement: i64,
    common_push: Push,
    assets: [Place; ASSETS],
    premiums: Vec<i64>,
}

/// One asset's distance from home, in 1e-9 of the price, and what moves it.
#[derive(Clone, Copy, Default)]
struct Place {
    distance: i64,
    push: Push,
}

/// A drift that lasts some steps.
#[derive(Clone, Copy, Default)]
struct Push {
    each: i64,
    steps: i64,
}

impl Walk {
    /// All prices at home, and `duration_ms` until they have to be back there.
    pub(super) fn new(duration_ms: i64, listings: &[Listing], chance: Chance) -> Self {
        let steps_left = duration_ms / STEP_MS;
        Self {
            chance,
            steps_left,
            steps_home: steps_left.min((steps_left / 4).max(1_500)),
            excitement: 0,
            common_push: Push::default(),
            assets: [Place::default(); ASSETS],
            premiums: vec![0; listings.len()],
        }
    }

    /// How lively the markets are: 256 is calm, ten times that the most.
    pub(super) fn heat(&self) -> i64 {
        CALM + (self.excitement >> 8)
    }

    /// A fair price in 1/256 of a tick for the market at `index` of the listings.
    pub(super) fn fair(&self, index: usize, listing: &Listing) -> i64 {
        let base = self.assets[listing.base as usize].distance;
        let quote = listing.quote.map_or(0, |asset| self.assets[asset as usize].distance);
        let distance = base - quote + self.premiums[index];
        // 7e6 ticks * 256 * 1.1e9 is below 2^61.
        listing.price * 256 * (BILLION + distance) / BILLION
    }

    /// A trade moved its market by so much of the price, in 1e-9: the asset follows.
    pub(super) fn nudge(&mut self, asset: Asset, distance: i64) {
        self.assets[asset as usize].distance += distance;
    }

    /// The next ten milliseconds.
    pub(super) fn step(&mut self, listings: &[Listing]) {
        self.steps_left -= 1;
        self.excitement -= self.excitement / HEAT_MEMORY;
        if self.steps_left > QUIET_END {
            self.news();
        }
        let heat = self.heat();
        let common = self.chance.bell(COMMON_STEP) * heat / CALM + self.common_push.step();
        for (place, step) in self.assets.iter_mut().zip(OWN_STEP) {
            let own = self.chance.bell(step) * heat / CALM;
            // What moves more by itself also follows the others further.
            let shared = common * (step + COMMON_STEP) / (2 * COMMON_STEP);
            place.distance += own + shared + place.push.step() - place.distance / ASSET_MEMORY;
            place.distance = place.distance.clamp(-DISTANCE_MAX, DISTANCE_MAX);
        }
        for (premium, listing) in self.premiums.iter_mut().zip(listings) {
            *premium += self.chance.bell(listing.premium_step) - *premium / PREMIUM_MEMORY;
        }
        if self.steps_left < self.steps_home {
            let left = self.steps_left.max(1);
            let distances = self.assets.iter_mut().map(|place| &mut place.distance);
            for distance in distances.chain(&mut self.premiums) {
                *distance -= *distance / left;
            }
        }
    }

    /// Small things happen every few seconds, to all or to one; large ones seldom.
    fn news(&mut self) {
        let dice = self.chance.below(100_000);
        if dice < 110 {
            let heat = self.chance.between(CALM / 4, CALM);
            self.warm(heat);
        }
        if dice < 36 {
            let size = self.chance.heavy(220_000, 1).min(900_000);
            self.common_push = self.push(size);
            self.warm(CALM + size / 1_000);
        } else if dice < 100 {
            let asset = self.chance.below(ASSETS as u32) as usize;
            let size = self.chance.heavy(260_000, 1).min(1_500_000);
            self.assets[asset].push = self.push(size);
            self.warm(CALM / 2);
        }
    }

    fn warm(&mut self, heat: i64) {
        self.excitement = (self.excitement + (heat << 8)).min((HEAT_MAX - CALM) << 8);
    }

    fn push(&mut self, size: i64) -> Push {
        let steps = self.chance.between(5, 60);
        let size = if self.chance.permille(500) { size } else { -size };
        Push { each: size / steps, steps }
    }
}

impl Push {
    fn step(&mut self) -> i64 {
        if self.steps == 0 {
            return 0;
        }
        self.steps -= 1;
        self.each
    }
}

/// Time between two steps of a walk.
pub(super) const STEP_MS: i64 = 10;

const BILLION: i64 = 1_000_000_000;
const CALM: i64 = 256;
const HEAT_MAX: i64 = 10 * CALM;

/// In steps: how long heat, a distance from home and a premium last.
const HEAT_MEMORY: i64 = 400;
const ASSET_MEMORY: i64 = 32_768;
const PREMIUM_MEMORY: i64 = 2_048;

/// Nothing new happens in the last eight seconds.
const QUIET_END: i64 = 800;

/// No price leaves home by more than three percent.
const DISTANCE_MAX: i64 = 30_000_000;

/// Deviation of one step in 1e-9: what all assets share, and what each has of its own, in the order of [`Asset`].
const COMMON_STEP: i64 = 1_800;
const OWN_STEP: [i64; ASSETS] = [1_100, 1_800, 2_700, 1_700, 2_600, 3_100, 4_800, 2_900, 4_000];
