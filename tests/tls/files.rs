//! Files that cannot be used: the server does not start, and says which, why, and what to do.

use std::process::Command;

use crate::peer::{Files, Pair};

/// What a server that does not start has to say.
fn refusal(files: &Files) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(files.flags())
        .output()
        .expect("the binary under test starts");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "nothing is promised");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn what_is_wrong_with_a_file_is_said_in_one_sentence() {
    let (good, other, old) = (Pair::new(2), Pair::new(2), Pair::new(-2));
    for (cert, key, file, reason) in [
        (&good.cert_pem, &other.key_pem, "server.key", "is not the key of the certificate in --tls-cert"),
        (&old.cert_pem, &old.key_pem, "server.pem", "expired on "),
        (&good.key_pem, &good.cert_pem, "server.pem", "swapped"),
        (&good.cert_pem, &String::new(), "server.key", "is not PEM"),
    ] {
        let files = Files::new(&good);
        files.write(cert, key);
        let said = refusal(&files);
        assert!(said.starts_with("tapecast: --tls-") && said.contains(file) && said.contains(reason), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let files = Files::new(&good);
    std::fs::remove_file(files.key()).unwrap();
    let said = refusal(&files);
    assert!(said.contains("--tls-key") && said.contains("server.key: cannot be read: No such file"), "{said}");
}
