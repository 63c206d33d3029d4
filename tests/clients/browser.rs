//! Chromium: the server's page, and events on a page of somebody else's.

use crate::program::*;

#[test]
fn chromium_listens_to_events_and_comes_back_without_a_hole() {
    let Some(node) = node_with("playwright-core") else { return };
    let browsers = ["chromium", "chromium-browser", "google-chrome"].into_iter();
    let Some(browser) = installed("chromium", browsers.filter_map(on_path).next()) else { return };
    // Ever new connections: the browser makes them itself, and says how far it has got.
    let server = Server::start_with(&["--connection-lifetime", "2s", "--history-ticks", "8192"]);
    let [address] = &server.documented("browser")[..] else { panic!("one expression") };
    let mut command = script(&node, "events.mjs");
    Program::start(command.arg(&server.address).arg(browser).arg(address)).pass();
}

#[test]
fn chromium_shows_the_page_and_finds_a_server_that_comes_back() {
    let Some(node) = node_with("playwright-core") else { return };
    let browsers = ["chromium", "chromium-browser", "google-chrome"].into_iter();
    let Some(browser) = installed("chromium", browsers.filter_map(on_path).next()) else { return };
    let mut server = Server::start();
    let mut command = script(&node, "page.mjs");
    let mut script = Program::start(command.arg(&server.address).arg(browser));
    script.line("RESTART", |line| line == "RESTART");
    server.program.signal("INT");
    server.program.pass();
    let _again = Server::start_with(&["--listen", server.address.trim_start_matches("ws://")]);
    script.pass();
}

#[test]
fn chromium_shows_the_page_over_tls() {
    let Some(node) = node_with("playwright-core") else { return };
    let browsers = ["chromium", "chromium-browser", "google-chrome"].into_iter();
    let Some(browser) = installed("chromium", browsers.filter_map(on_path).next()) else { return };
    let mut server = Server::start_with(&SELF_SIGNED);
    let address = server.secure_address();
    let mut command = script(&node, "page.mjs");
    let mut script = Program::start(command.arg(&address).arg(browser));
    script.line("RESTART", |line| line == "RESTART");
    server.program.signal("INT");
    server.program.pass();
    let listen = address.trim_start_matches("wss://");
    let _again = Server::start_with(&["--listen", "127.0.0.1:0", "--tls-self-signed", "--tls-listen", listen]);
    script.pass();
}
