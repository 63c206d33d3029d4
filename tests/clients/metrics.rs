//! What Prometheus's own client makes of the counters.

use crate::program::*;

#[test]
fn the_parser_of_prometheus_reads_every_counter() {
    let Some(python) = python_with("prometheus_client") else { return };
    Server::start().pass(script(&python, "metrics.py"));
}
