//! The thread that takes a new certificate into use: when told to, and when it sees that the files have changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::IdentitySource;
use crate::metrics::Metrics;
use crate::server::tls::Tls;
use crate::server::tls::identity::{Identity, IdentityError};

/// How often the files are looked at. A change is taken up when it looks the same twice, since files may be seen
/// half written, and one may be replaced before the other.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Tells the thread to reload; when it is dropped, the thread has ended. It sleeps but for a look at the files.
pub(crate) struct Reloader {
    orders: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reloader {
    /// Starts the thread; none where the certificate does not come from files.
    ///
    /// # Errors
    /// As the system gives them.
    pub(crate) fn start(tls: Arc<Tls>, metrics: Arc<Metrics>) -> std::io::Result<Option<Reloader>> {
        let IdentitySource::Files { cert, key } = tls.source.clone() else { return Ok(None) };
        let (send, orders) = channel();
        let run = move || Watch { tls: &tls, metrics: &metrics, cert: &cert, key: &key }.run(&orders);
        let thread = thread::Builder::new().name("certificate".into()).spawn(run)?;
        Ok(Some(Reloader { orders: Some(send), thread: Some(thread) }))
    }

    /// Reads the files again, soon.
    pub(crate) fn reload(&self) {
        if let Some(orders) = &self.orders {
            // The thread does not end before this does.
            let _ = orders.send(());
        }
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What tells one state of a file from another: device, number, length and time of change. `None` where there is none.
type FileState = Option<(u64, u64, u64, i64, i64)>;

struct Watch<'a> {
    tls: &'a Tls,
    metrics: &'a Metrics,
    cert: &'a Path,
    key: &'a Path,
}

impl Watch<'_> {
    fn run(&self, orders: &Receiver<()>) {
        let mut used = self.look();
        let mut seen = used;
        let mut has_warned = false;
        loop {
            match orders.recv_timeout(LOOK_EVERY) {
                Ok(()) => {
                    used = self.look();
                    self.reload();
                }
                Err(RecvTimeoutError::Timeout) => {
                    let before = std::mem::replace(&mut seen, self.look());
                    if seen != used && seen == before {
                        used = seen;
                        self.reload();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let has_expired = unix_s(SystemTime::now()) > self.tls.not_after_s();
            if has_expired && !has_warned {
                tracing::warn!("--tls-cert {}: has expired; replace it, and it is taken up", self.cert.display());
            }
            has_warned = has_expired;
        }
    }

    fn reload(&self) {
        let counts = &self.metrics.certificate;
        match self.renew() {
            Ok(()) => {
                counts.reloads.add(1);
                tracing::info!(fingerprint = self.tls.fingerprint(), "new certificate for new connections");
            }
            Err(error) => {
                counts.reloads_failed.add(1);
                tracing::warn!("the certificate stays as it was: {error}");
            }
        }
    }

    fn renew(&self) -> Result<(), IdentityError> {
        self.tls.replace(Identity::read(self.cert, self.key, SystemTime::now())?)
    }

    fn look(&self) -> [FileState; 2] {
        [self.cert, self.key].map(|path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
        })
    }
}

fn unix_s(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64)
}
