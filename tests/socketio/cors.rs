//! Pages of other origins.

use super::*;

const PAGE: &str = "Origin: https://page.example\r\n";

fn get(server: &Server, target: &str, headers: &str) -> Reply {
    Asked::new(server.address, "GET", target, headers, b"").reply()
}

#[test]
fn socketio_item_27_without_cors_there_is_no_word_of_it() {
    let server = Server::start(&["--writers", "1"]);
    assert_eq!(get(&server, POLLING, PAGE).header("access-control-allow-origin"), None);
}

#[test]
fn socketio_item_27_any_origin_a_fixed_one_and_those_of_a_set() {
    let server = Server::start(&["--writers", "1", "--socketio-cors", "*"]);
    let origin = |reply: &Reply| reply.header("access-control-allow-origin").map(str::to_owned);
    for target in [POLLING, "/socket.io/?EIO=4", "/socket.io/?EIO=7&transport=polling"] {
        let reply = get(&server, target, PAGE);
        assert_eq!((origin(&reply).as_deref(), reply.header("vary")), (Some("*"), None), "{target}");
    }
    let client = Client::open(&server, WEBSOCKET);
    assert!(client.head.to_ascii_lowercase().contains("access-control-allow-origin: *\r\n"), "{}", client.head);

    let server = Server::start(&["--writers", "1", "--socketio-cors", "https://only.example"]);
    let reply = get(&server, POLLING, PAGE);
    assert_eq!((origin(&reply).as_deref(), reply.header("vary")), (Some("https://only.example"), Some("Origin")));

    let flags = ["--socketio-cors", "https://a.example", "--socketio-cors", "https://page.example"];
    let server = Server::start(&[&["--writers", "1", "--socketio-cors-credentials", "true"], &flags[..]].concat());
    let reply = get(&server, POLLING, PAGE);
    assert_eq!((origin(&reply).as_deref(), reply.header("vary")), (Some("https://page.example"), Some("Origin")));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(origin(&get(&server, POLLING, "Origin: https://b.example\r\n")), None);
    // Whether a page may read an answer is the browser's business; nobody is kept out by it.
    assert!(Client::try_open_with(server.address, WEBSOCKET, "Origin: https://b.example\r\n").is_ok());
}

#[test]
fn socketio_item_27_a_browser_that_asks_first_is_answered() {
    let server = Server::start(&["--writers", "1", "--socketio-cors", "*"]);
    let headers = format!("{PAGE}Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-token\r\n");
    let reply = Asked::new(server.address, "OPTIONS", POLLING, &headers, b"").reply();
    assert_eq!(reply.said(), (204, ""));
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET,HEAD,PUT,PATCH,POST,DELETE"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("x-token"));
    assert_eq!(reply.header("vary"), Some("Access-Control-Request-Headers"));
}

#[test]
fn socketio_item_10_pages_of_other_origins_can_be_kept_out() {
    let flags = ["--writers", "1", "--socketio-cors", "https://page.example", "--socketio-cors-only", "true"];
    let server = Server::start(&flags);
    let other = "Origin: https://b.example\r\n";
    assert_eq!(get(&server, POLLING, other).said(), (403, r#"{"code":4,"message":"Forbidden"}"#));
    let head = Client::try_open_with(server.address, WEBSOCKET, other).err().expect("no upgrade");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert_eq!((get(&server, POLLING, PAGE).status, get(&server, POLLING, "").status), (200, 200));
}
