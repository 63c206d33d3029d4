//! How far a command has come, told on a terminal where it takes longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps between two looks at the clock.
const STEPS: u32 = 4_096;

/// A bar over so many bytes.
pub(super) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    is_shown: bool,
    steps: u32,
}

impl Progress {
    pub(super) fn new(bytes: u64) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
        let template = "{bar:40} {bytes}/{total_bytes}, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).expect("a template that is right"));
        Progress { bar, begun: Instant::now(), is_shown: false, steps: 0 }
    }

    /// Called for each record; `bytes` is asked for now and then.
    pub(super) fn step(&mut self, bytes: impl FnOnce() -> u64) {
        self.steps += 1;
        if self.steps < STEPS {
            return;
        }
        self.steps = 0;
        if !self.is_shown && self.begun.elapsed() >= Duration::from_secs(1) {
            self.is_shown = true;
            // Shows nothing where standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if self.is_shown {
            self.bar.set_position(bytes());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
