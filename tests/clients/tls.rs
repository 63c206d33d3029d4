//! Clients that trust a certificate, and keep what they have while it changes.

use std::process::Command;

use serde_json::Value;

use crate::program::*;

#[test]
fn ws_loses_nothing_while_the_certificate_changes() {
    let Some(node) = node_with("ws") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
    // Each of its own name: of two certificates of one name OpenSSL only tries the first.
    let pairs = ["one", "two"].map(|name| {
        let (key, mut params) = (rcgen::KeyPair::generate().unwrap(), rcgen::CertificateParams::default());
        params.subject_alt_names.push(rcgen::SanType::IpAddress("127.0.0.1".parse().unwrap()));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    });
    std::fs::write(&ca, pairs.each_ref().map(|(cert, _)| cert.as_str()).concat()).unwrap();
    let give = |(cert_pem, key_pem): &(String, String)| {
        std::fs::write(&cert, cert_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
    };
    give(&pairs[0]);
    let files = ["--tls-cert", &cert, "--tls-key", &key, "--tls-listen", "127.0.0.1:0"];
    let server = Server::start_with(&[&["--listen", "127.0.0.1:0", "--attempts-max", "0"], &files[..]].concat());
    let mut command = script(&node, "secure.mjs");
    let mut script = Program::start(command.arg(server.secure_address()).arg(&ca));
    script.line("READY", |line| line == "READY");
    give(&pairs[1]);
    server.program.signal("HUP");
    script.pass();
}

#[test]
fn curl_trusts_the_certificate_as_the_greeting_says() {
    let Some(_) = installed("curl", on_path("curl")) else { return };
    let server = Server::start_with(&SELF_SIGNED);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".curlrc"), "silent\nfail\nmax-time = 20\n").unwrap();
    let run = |command: &str| {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", command]).current_dir(&folder).env("CURL_HOME", folder.path());
        let output = shell.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let mut hints = server.greeting.iter().map(|line| line.trim());
    let fetch = hints.find(|line| line.starts_with("curl -o ")).expect("how to get the certificate");
    let ask = hints.next().filter(|line| line.starts_with("curl --cacert ")).expect("how to use it");
    assert_eq!(run(fetch).0, Some(0));
    for (version, command) in [("1.3", format!("{ask} --tlsv1.3")), ("1.2", format!("{ask} --tls-max 1.2"))] {
        let (code, text) = run(&command);
        assert_eq!(code, Some(0), "{version}");
        let status: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status["name"], "tapecast");
    }
    let untrusted = ask.replace("--cacert tapecast.pem ", "");
    assert_eq!(run(&untrusted).0, Some(60), "without the certificate curl does not trust the server");
}
